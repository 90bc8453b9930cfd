"""The terminal UI's own widgets, one a module. They show what they are given and post messages; they fetch nothing."""
