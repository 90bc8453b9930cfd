"""The commands, one module for each part of `p0 --help`. Each imports what it needs only when it runs."""
