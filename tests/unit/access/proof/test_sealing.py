"""A sealed credential opens with one key, for one request, from one agent; and shows its password nowhere."""

from __future__ import annotations

import secrets

import pytest
import rich.pretty

from p0_access.encoding import b64u
from p0_access.errors import ProofError
from p0_access.messages.records import CredentialPlaintext
from p0_access.proof.sealing import OpeningKey, seal
from p0_access.secret import Secret

PLAINTEXT = CredentialPlaintext(
    host="db.example",
    port=5432,
    dbname="mydatabase",
    user="p0_dana_x",
    password="correct horse",
    sslmode="verify-full",
    channel_binding="require",
    sslrootcert=None,
    not_after=1_800_000_000,
)
RH, AUD = "r" * 43, "p0-agent:" + "a" * 43


def test_what_is_sealed_opens_with_the_requests_own_key() -> None:
    key = OpeningKey.generate(secrets.token_bytes)
    ct = seal(PLAINTEXT, key.public, rh=RH, aud=AUD)
    assert OpeningKey(key.secret()).open(ct, rh=RH, aud=AUD) == PLAINTEXT
    assert b64u(b"correct horse") not in ct


def test_it_opens_with_nothing_else() -> None:
    key = OpeningKey.generate(secrets.token_bytes)
    ct = seal(PLAINTEXT, key.public, rh=RH, aud=AUD)
    attempts = [
        (OpeningKey.generate(secrets.token_bytes), ct, RH, AUD),
        (key, ct, "s" * 43, AUD),
        (key, ct, RH, "p0-agent:" + "b" * 43),
        (key, ct[:-2] + ("AA" if ct[-2:] != "AA" else "BA"), RH, AUD),
        (key, "AAAA", RH, AUD),
    ]
    for opener, sealed, rh, aud in attempts:
        with pytest.raises(ProofError) as caught:
            opener.open(sealed, rh=rh, aud=aud)
        assert caught.value.code == "credential_unopenable"


def test_secrets_are_not_shown() -> None:
    assert "correct horse" not in repr(PLAINTEXT) + str(PLAINTEXT) + rich.pretty.pretty_repr(PLAINTEXT)
    secret = Secret("correct horse")
    assert "correct" not in repr(secret) + str(secret)
    with pytest.raises(TypeError):
        f"{secret:>10}"
    assert secret == Secret("correct horse") != Secret("battery")
