"""Why a TLS peer was not believed, for telling people: where that is so, nothing else about the call matters."""

from __future__ import annotations

from typing import Final

TRUSTED_BY: Final = "If its certificate is of a CA of your organisation: SSL_CERT_FILE names the file with that CA"


def untrusted(error: BaseException) -> str | None:
    """What is wrong with the peer's certificate, if `error` or what caused it is about that."""
    import ssl  # here, since most calls don't fail

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        cause = cause.__cause__ or cause.__context__
    return None
