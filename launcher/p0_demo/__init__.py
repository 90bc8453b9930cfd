"""Everything on one machine: an embedded PostgreSQL, a development identity provider, server and agent."""
