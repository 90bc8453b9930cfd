"""Fixtures live in themed modules, `tests/fix_*.py`."""

pytest_plugins = [
    "fix_inference",
    "fix_keyring",
    "fix_launcher",
    "fix_oidc",
    "fix_plane",
    "fix_postgres",
    "fix_agent_core",  # after fix_postgres, which it imports
    "fix_reading",
    "fix_receivers",
    "fix_stage",
    "fix_tui",
]
