"""The engineer's side: sign-in, signing, the OS keyring, and psql by exec."""
