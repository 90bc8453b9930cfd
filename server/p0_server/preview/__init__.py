"""What will happen to a request, told before the agent says so. Never more than a preview: the agent decides.

The parser is a C library and its input is hostile, so all of it runs in a child process that may die.
"""
