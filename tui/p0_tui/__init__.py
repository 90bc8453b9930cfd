"""The terminal UI: drafting, live status, and approving what is really signed."""
