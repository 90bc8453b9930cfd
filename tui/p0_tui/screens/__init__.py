"""Whole screens: the work screen with its four modes, and the small ones that come over it."""
