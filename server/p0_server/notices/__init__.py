"""Notices: what happens to requests, told to where people are. They name the command that shows a request and are never
a way to decide on it: whoever approves does so in their own terminal, from records that the agent signed.
"""
