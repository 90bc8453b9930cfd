"""Signing in: authorization code with PKCE on a loopback port, with the session key committed to in the nonce."""
