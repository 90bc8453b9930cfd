"""Names of the roles that the agent makes: readable, at most 63 bytes, the same for the same input, never colliding.

A login is `p0_<stub>_<16 characters>`, a set role `p0_set_<32 characters>`; the hashes are of different lengths, so
that one is never taken for the other whatever the stub is.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from p0_access.encoding import encode
from p0_access.permissions.permission import Permission, canonical

LOGIN_PATTERN: Final = "^p0_[a-z0-9]{1,24}_[a-z2-7]{16}$"
SET_PATTERN: Final = "^p0_set_[a-z2-7]{32}$"
"""Both are read alike by Python and by PostgreSQL (POSIX)."""

MAKERS: Final = 256
"""Roles that make the others, between which those are spread (docs/decisions/0011-makers.md)."""

MAKER_SUFFIX: Final = "_[0-9a-f]{2}$"
"""What a maker's name has beyond its broker's, and no other role of an agent's: two agents may share a cluster."""

OWN_SCHEMAS: Final = frozenset({"p0", "p0_evidence", "p0_guard", "p0_makers"})
"""Of the set-up: whoever may write in one of them is the agent, or more."""

MAX_STUB: Final = 24


def login_name(*, person: str, issuer: str, subject: str, rh: str) -> str:
    """The login of request `rh`. `person` (an e-mail address, or the subject) only makes the stub."""
    return f"p0_{_stub(person)}_{_digest('login', issuer, subject, rh)[:16]}"


def set_role_name(database: str, permissions: Iterable[Permission], *, lease: str | None) -> str:
    """Content-addressed: the same permissions in the same database have one role, or one a `lease` where given."""
    return f"p0_set_{_digest('set', database, canonical(permissions), lease)[:32]}"


def makers(broker: str) -> tuple[str, ...]:
    """The roles that make the others, for `broker`."""
    return tuple(_maker(broker, number) for number in range(MAKERS))


def maker_of(broker: str, role: str) -> str:
    """Which of `makers` makes the role of that name, and has to do with it from then on."""
    return _maker(broker, hashlib.sha256(role.encode()).digest()[0])


def _maker(broker: str, number: int) -> str:
    return f"{broker}_{number:02x}"


def is_login_name(name: str) -> bool:
    return re.match(LOGIN_PATTERN, name) is not None


def is_reserved_schema(name: str) -> bool:
    """Whether nothing in it is ever to be granted: PostgreSQL's own, and those of the set-up."""
    return name in OWN_SCHEMAS or name == "information_schema" or name.startswith("pg_")


def _stub(person: str) -> str:
    plain = unicodedata.normalize("NFKD", person.partition("@")[0]).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", plain)[:MAX_STUB] or "user"


def _digest(*parts: object) -> str:
    """Base32 of a hash over the parts as JSON, which keeps them apart."""
    return base64.b32encode(hashlib.sha256(b"p0-role-v1\0" + encode(parts)).digest()).decode().lower()
