"""The test vectors of `docs/vectors`, from fixed seeds; HPKE (RFC 9180) by hand, so that they come out the same."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from fix_identity_vectors import identity_vectors
from p0_access.encoding import b64u, b64u_decode, encode
from p0_access.messages.mandates import Allow, Delegation, Extension, Named, Notice, Review
from p0_access.messages.records import (
    Admission,
    AdmissionRules,
    Approval,
    CatalogRecord,
    Collect,
    Credential,
    CredentialPlaintext,
    Deletion,
    DroppedSet,
    End,
    LogHead,
    Record,
    Refusal,
    Request,
    SealingKey,
    Subject,
    What,
)
from p0_access.permissions.permission import Permission, canonical, column, connect, usage
from p0_access.proof import commitment, jws
from p0_access.proof.evidence import BEFORE_GENESIS, GENESIS, link
from p0_access.proof.keys import SigningKey
from p0_access.proof.possession import prove
from p0_access.routing.decision import Approvers, NeedsApproval, Requirement, StepUp

PERSON, AGENT = SigningKey(bytes(range(32))), SigningKey(bytes(range(32, 64)))
RECIPIENT, EPHEMERAL = bytes(range(64, 96)), bytes(range(96, 128))
AUD = f"p0-agent:{AGENT.public.thumbprint}"
NOW = 1_800_000_000
Vectors = dict[str, Any]


def x25519(secret: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


# RFC 9180 in base mode: DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, ChaCha20Poly1305 0x0003.

_KEM = b"KEM" + (0x20).to_bytes(2, "big")
_HPKE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x20, 1, 3))


def _extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, labeled + b"\x01", "sha256")[:length]  # no length here exceeds one block


def _schedule(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    context = b"\0" + _extract(_HPKE, b"", b"psk_id_hash", b"") + _extract(_HPKE, b"", b"info_hash", info)
    secret = _extract(_HPKE, shared, b"secret", b"")
    return _expand(_HPKE, secret, b"key", context, 32), _expand(_HPKE, secret, b"base_nonce", context, 12)


def _shared(exchanged: bytes, enc: bytes, recipient: bytes) -> bytes:
    return _expand(_KEM, _extract(_KEM, b"", b"eae_prk", exchanged), b"shared_secret", enc + recipient, 32)


def hpke_seal(plaintext: bytes, recipient: bytes, *, info: bytes, ephemeral: bytes) -> bytes:
    """The encapsulated key, then the ciphertext."""
    enc = x25519(ephemeral)
    exchanged = X25519PrivateKey.from_private_bytes(ephemeral).exchange(X25519PublicKey.from_public_bytes(recipient))
    key, nonce = _schedule(_shared(exchanged, enc, recipient), info)
    return enc + ChaCha20Poly1305(key).encrypt(nonce, plaintext, b"")


def hpke_open(sealed: bytes, secret: bytes, *, info: bytes) -> bytes:
    enc = sealed[:32]
    exchanged = X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(enc))
    key, nonce = _schedule(_shared(exchanged, enc, x25519(secret)), info)
    return ChaCha20Poly1305(key).decrypt(nonce, sealed[32:], b"")


def sealing_info(rh: str) -> bytes:
    return hashlib.sha256(b"p0-cred-v1\0" + rh.encode() + AUD.encode()).digest()


def records() -> list[tuple[Record, SigningKey]]:
    """One of each kind that people sign, and those of the agent that carry a proof; each names the one before."""
    act: dict[str, Any] = {
        "aud": AUD,
        "idh": "i" * 42 + "A",
        "fresh": None,
        "iat": NOW,
        "exp": NOW + 600,
        "jti": "j" * 22,
    }
    permissions = canonical([connect("shop"), usage("sales"), column("sales", "orders", "total", "SELECT")])
    enc = SealingKey(x=b64u(x25519(RECIPIENT)))
    what = What(statement=("select total from sales.orders -- “ü”",), search_path=("public",))
    request = Request(
        **act, rid="r-abcdefgh", database="shop", what=what, reason="Monthly report", ttl=900, one_shot=False,
        break_glass=False, extends=None, enc=enc,
    )  # fmt: skip
    rh = jws.record_hash(jws.sign(request, PERSON))
    ah = "h" * 42 + "A"
    head = LogHead(n=2, h="l" * 42 + "A")
    sealed = b64u(hpke_seal(encode(plaintext()), x25519(RECIPIENT), info=sealing_info(rh), ephemeral=EPHEMERAL))
    suite = "X25519-HKDF-SHA256-CHACHA20POLY1305"
    return [
        (request, PERSON),
        (Approval(**act, ah=ah, decision="approve", permissions=permissions, ttl=600, comment="Fine"), PERSON),
        (Collect(**act, rh=rh, ah=ah), PERSON),
        (End(**act, rh=rh, act="relinquish", comment=""), PERSON),
        (Refusal(rh=rh, at=NOW, step=9, code="own_request", message="nobody approves their own request"), AGENT),
        (
            Refusal(
                v=2, rh=rh, at=NOW, step=8, code="step_up_required",
                message="this needs a sign-in made for it (acr phr, amr hwk or swk)",
                step_up=(StepUp(acr=("phr",), amr=("hwk", "swk")),),
            ),
            AGENT,
        ),
        (Credential(rid="r-abcdefgh", rh=rh, iat=NOW, exp=NOW + 600, suite=suite, ct=sealed, log=head), AGENT),  # type: ignore[arg-type]  # a Literal
        (
            Deletion(
                rh=rh, login="p0_ana_x", set=DroppedSet(name="p0_set_x", dropped=True), at=NOW + 600, cause="expired",
                residue=(),
            ),
            AGENT,
        ),
        *_advance(act, rh, ah, permissions),
        (admission(rh, permissions), AGENT),
        (CatalogRecord(database="shop", version="v1", at=NOW, sha256="c" * 42 + "A"), AGENT),
    ]  # fmt: skip


def _advance(
    act: dict[str, Any], rh: str, ah: str, permissions: tuple[Permission, ...]
) -> list[tuple[Record, SigningKey]]:
    """What is signed in advance, and what follows an access."""
    other = Named(iss="https://id.example", sub="dana", email=None)
    mandate = act | {"rid": "m-abcdefgh", "nbf": NOW, "comment": "The night shift"}
    return [
        (
            Allow(
                **mandate, subject=other, database="shop", permissions=permissions, kinds=("statement",), uses=2,
                ttl=600,
            ),
            PERSON,
        ),
        (Delegation(**mandate, to=other, groups=("dba",)), PERSON),
        (Review(**act, rh=rh, ah=ah, comment="Looked at it"), PERSON),
        (Extension(rh=rh, extends="x" * 42 + "A", login="p0_ana_x", not_after=NOW + 900, at=NOW), AGENT),
        (
            Notice(
                rh=rh, rid="r-5kq2m7xa", database="mydatabase", requestor="ana@corp.example", reason="Orders are stuck",
                permissions=("SELECT (id) on enterprise.orders",), rules=("glass",), notify=("security",), ttl=900,
                review_within=86_400, at=NOW,
            ),
            AGENT,
        ),
    ]  # fmt: skip


def admission(rh: str, permissions: tuple[Permission, ...]) -> Admission:
    """Of a workload's request that waits for one person, who is to sign in for it."""
    carried = tuple(item for item in permissions if not item.implied)
    asked = Requirement(
        rule="orders", approvers=Approvers(groups=("dba",)), count=1, permissions=carried, step_up=StepUp(amr=("hwk",))
    )
    claims = {"iss": "https://ci.example", "repository_id": "4711", "sub": "repo:corp/app"}
    return Admission(
        rh=rh,
        subject=Subject(iss="https://ci.example", sub="repo:corp/app", email=None, claims=claims),
        groups=(),
        permissions=permissions,
        reached=(),
        objects=(),
        rules=AdmissionRules(sha256="s" * 42 + "A", decision=NeedsApproval(ttl=600, requirements=(asked,), trace=())),
        warnings=(),
        iat=NOW,
        exp=NOW + 600,
    )


def plaintext() -> CredentialPlaintext:
    return CredentialPlaintext(
        host="db.example", port=5432, dbname="shop", user="p0_ana_x", password="correct horse battery staple",
        sslmode="verify-full", channel_binding="require", sslrootcert=None, not_after=NOW + 600,
    )  # fmt: skip


def commitment_vectors() -> Vectors:
    bind = commitment.make_bind(PERSON.public, lambda n: bytes(range(n)), max_age=43_200)
    return {
        "seed": b64u(PERSON.seed()),
        "jwk": msgspec.to_builtins(PERSON.public),
        "thumbprint": PERSON.public.thumbprint,
        "bind": bind,
        "bind_json": b64u_decode(bind).decode(),
        "nonce": commitment.nonce(bind),
        "workload_audience": commitment.workload_audience(bind),
        "act_hash": "h" * 42 + "A",
        "step_up_nonce": commitment.step_up_nonce(bind, "h" * 42 + "A"),
    }


def record_vectors() -> Vectors:
    made = []
    for record, key in records():
        compact = jws.sign(record, key)
        made.append(
            {"typ": record.TYP, "signer": key.public.thumbprint, "payload": encode(record).decode(), "compact": compact,
             "hash": jws.record_hash(compact)}
        )  # fmt: skip
    seeds = {key.public.thumbprint: b64u(key.seed()) for key in (PERSON, AGENT)}
    return {"seeds": seeds, "records": made}


def refused_vectors() -> Vectors:
    """Requests that are to be refused, each for one reason, though the signature over it may hold."""
    good = jws.sign(records()[0][0], PERSON)
    header, payload, signature = good.split(".")
    usual = {"alg": "EdDSA", "typ": "p0-request+jws", "kid": PERSON.public.thumbprint}
    text = b64u_decode(payload).decode()

    def signed(head: dict[str, Any], body: str) -> str:
        signing_input = f"{b64u(json.dumps(head, separators=(',', ':')).encode())}.{b64u(body.encode())}"
        return f"{signing_input}.{b64u(PERSON.sign(signing_input.encode()))}"

    cases = {
        "malformed_record": [
            signed(usual | {"alg": "none"}, text),
            signed(usual | {"crit": ["exp"]}, text),
            signed(usual | {"jwk": msgspec.to_builtins(PERSON.public)}, text),
            signed(usual, text[:-1] + ',"also":1}'),
            signed(usual, text.replace('"v":1', '"v":2')),
            signed(usual, text.replace('"ttl":900', '"ttl":"900"')),
        ],
        "duplicate_key": [signed(usual, text[:-1] + ',"ttl":1}')],
        "malformed_json": [
            signed(usual, text.replace("900", "NaN")),
            signed(usual, text.replace("Monthly", "\\ud800")),
        ],
        "too_deep": [signed(usual, "[" * 25 + "]" * 25)],
        "record_type": [signed(usual | {"typ": "p0-approval+jws"}, text)],
        "record_key": [signed(usual | {"kid": AGENT.public.thumbprint}, text)],
        "signature_invalid": [f"{header}.{b64u(text.replace('900', '999').encode())}.{signature}"],
        "malformed_jws": [f"{header}.{payload}"],
        "malformed_base64url": [f"{header}.{payload}.{signature}="],
    }
    return {"jwk": msgspec.to_builtins(PERSON.public), "typ": "p0-request+jws", "refused": cases}


def sealing_vectors() -> Vectors:
    rh = jws.record_hash(jws.sign(records()[0][0], PERSON))
    info = sealing_info(rh)
    sealed = hpke_seal(encode(plaintext()), x25519(RECIPIENT), info=info, ephemeral=EPHEMERAL)
    return {
        "suite": "DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305",
        "recipient_secret": b64u(RECIPIENT),
        "recipient_public": b64u(x25519(RECIPIENT)),
        "ephemeral_secret": b64u(EPHEMERAL),
        "rh": rh,
        "aud": AUD,
        "info": b64u(info),
        "plaintext": encode(plaintext()).decode(),
        "ct": b64u(sealed),
    }


def possession_vectors() -> Vectors:
    call = {"method": "POST", "url": "https://p0.example/v1/requests", "credential": "eyJiaW5kIjoi4oCmIn0"}
    jti = "A" * 22
    proof = prove(PERSON, **call, now=NOW, jti=jti)
    return {"jwk": msgspec.to_builtins(PERSON.public), **call, "now": NOW, "jti": jti, "proof": proof}


def evidence_vectors() -> Vectors:
    said = [(GENESIS, AGENT.public.thumbprint), ("request", "eyJ…"), ("server-end", "h" * 43)]
    previous, entries = BEFORE_GENESIS, []
    for n, (kind, body) in enumerate(said):
        previous = link(previous, n=n, at=NOW + n, kind=kind, body=body)
        entries.append({"n": n, "at": NOW + n, "kind": kind, "body": body, "h": b64u(previous)})
    return {"agent": msgspec.to_builtins(AGENT.public), "entries": entries}


ALL: dict[str, Callable[[], Vectors]] = {
    "commitment": commitment_vectors,
    "identities": identity_vectors,
    "records": record_vectors,
    "refused": refused_vectors,
    "sealing": sealing_vectors,
    "possession": possession_vectors,
    "evidence": evidence_vectors,
}
