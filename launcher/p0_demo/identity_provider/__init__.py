"""A development OpenID provider: enough of one to sign people in on this machine, and nothing to protect them.

    async with DevelopmentProvider(users=[User(sub="ada", email="ada@example.com", groups=("analysts",))]) as provider:
        print(provider.issuer)

NEVER for production: nobody proves who they are, whoever reaches the port signs in as anybody, and everything is
forgotten at the end. So it listens on loopback only, at an address that can't be changed. The protocol itself is kept
strictly, because what is tested against it must hold elsewhere: authorization code with PKCE (S256) only, codes and
refresh tokens that work once, `iss` in the answer (RFC 9207), errors as in RFC 6749.
"""

from p0_demo.identity_provider.provider import DevelopmentProvider
from p0_demo.identity_provider.settings import CLIENT_ID, Behaviour, User

__all__ = ["CLIENT_ID", "Behaviour", "DevelopmentProvider", "User"]
