"""Step 7: what a request's SQL needs, read by the agent itself over its own catalog.

`reading.read(what, …) -> permissions` is the seam: the core asks for permissions and does not know who read them.
"""
