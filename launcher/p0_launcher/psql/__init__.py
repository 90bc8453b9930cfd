"""Becoming psql: finding it, checking what it is told, and handing it a login that is never written down."""
