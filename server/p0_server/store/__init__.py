"""Where the server keeps what must survive it: one small protocol, and what stands behind it."""
