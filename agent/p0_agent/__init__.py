"""The worker beside the database. It believes nobody, and verifies everything itself."""
