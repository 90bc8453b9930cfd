"""The development provider's errors, as a client sees them.

OAuthError          an OAuth error code (RFC 6749, sections 4.1.2.1 and 5.2; OpenID Connect Core, section 3.1.2.6)
"""

from __future__ import annotations


class OAuthError(Exception):
    """The request is refused: `code` is from the specification, `str()` is the description for a developer."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
