"""SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677), as PostgreSQL stores them in pg_authid.

A verifier, not a password, is what reaches the database server, its log and its statistics.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from p0_access.encoding import b64u
from p0_access.secret import Secret

PASSWORD_BYTES: Final = 24
"""192 bits: guessing is hopeless whatever the iteration count is."""

SALT_BYTES: Final = 16
DEFAULT_ITERATIONS: Final = 4096
"""PostgreSQL's own. Fewer are faster and, with random passwords, no weaker; some drivers refuse less than this."""


def new_password(random: Callable[[int], bytes]) -> Secret:
    """ASCII only, so that SASLprep leaves it as it is."""
    return Secret(b64u(random(PASSWORD_BYTES)))


def verifier(password: Secret, salt: bytes, iterations: int = DEFAULT_ITERATIONS) -> str:
    """`SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`."""
    salted = hashlib.pbkdf2_hmac("sha256", password.reveal().encode("ascii"), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_b64(salt)}${_b64(stored_key)}:{_b64(server_key)}"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
