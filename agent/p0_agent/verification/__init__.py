"""Steps 1 to 5 of the verification order: whose act is this, and is it meant for this agent, now?"""
