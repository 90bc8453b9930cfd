"""Evidence on an auditor's machine: an agent's exported log, read, examined and told. Nothing here asks a server."""
