"""Attacks on what somebody asked for: the record itself, changed, forged, or beyond what the agent understands."""

from __future__ import annotations

import json
from typing import Any

from fix_agent_core import EMAILS, MARKETS
from fix_hostile_server import Hostile, Theme
from p0_access.encoding import MAX_RECORD_BYTES, b64u
from p0_access.messages.identity import SignedAct
from p0_access.proof.sealing import OpeningKey

CHANGED = Theme("A request, changed on its way")
MALFORMED = Theme("Bytes that are read in two ways, or break what reads them")
UNDERSTOOD = Theme("A request, properly signed, that says more than the agent understands")


def swap(part: str, **changes: Any) -> None:
    """The server puts other claims under the signature."""

    @CHANGED.attack(f"swap the {part}", 5, "signature_invalid")
    async def _(h: Hostile) -> object:
        return await h.bench.admit(h.tampered(h.asked(), **changes))


swap("SQL", what={"statement": [EMAILS], "search_path": ["public"]})
swap("search path, and with it what names mean", what={"statement": [MARKETS], "search_path": ["ledger"]})
swap(
    "key that the credential is sealed to", enc={"kty": "OKP", "crv": "X25519", "x": OpeningKey(b"\x66" * 32).public.x}
)
swap("database", database="elsewhere")
swap("reason", reason="the auditors want it")
swap("time, for a longer one", ttl=604_800)
swap("short id", rid="r-zzzzzzzz")
swap("use, from one to many", one_shot=True)


@CHANGED.attack("put this agent's name into a request for another", 5, "signature_invalid")
async def _(h: Hostile) -> object:
    return await h.bench.admit(h.tampered(h.asked(agent="b" * 43), aud=h.bench.context.audience))


@CHANGED.attack("deliver a request to another agent than it was signed for", 2, "act_audience")
async def _(h: Hostile) -> object:
    return await h.bench.admit(h.asked(agent="b" * 43))


@CHANGED.attack("sign the changed request with the server's own key", 5, "record_key")
async def _(h: Hostile) -> object:
    return await h.bench.admit(h.signed_anew(h.asked(), ttl=604_800))


@CHANGED.attack("the same, under the name of the session key", 5, "signature_invalid")
async def _(h: Hostile) -> object:
    return await h.bench.admit(h.signed_anew(h.asked(), kid=h.dana.key.public.thumbprint, ttl=604_800))


@CHANGED.attack("the same, with a commitment to the server's own key", 4, "nonce_mismatch")
async def _(h: Hostile) -> object:
    return await h.bench.admit(h.beside(h.signed_anew(h.asked()), bind=h.own_bind()))


@CHANGED.attack("hand in an approval as a request", 1, "record_type")
async def _(h: Hostile) -> object:
    act = h.pat.signer.sign_approval(
        agent=h.agent, ah="x" * 43, decision="approve", permissions=(), ttl=60, comment="fine"
    )
    return await h.bench.admit(act)


def shape(name: str, code: str, payload: Any) -> None:
    """The server offers `payload(claims as text)` under the signature."""

    @MALFORMED.attack(name, 1, code)
    async def _(h: Hostile) -> object:
        act = h.asked()
        return await h.bench.admit(h.rewritten(act, payload(json.dumps(h.claims(act)))))


shape("the same key twice in an object", "duplicate_key", lambda text: text[:-1].encode() + b', "ttl": 604800}')
shape("a field that nobody knows", "malformed_record", lambda text: text[:-1].encode() + b', "also": "DROP"}')
shape("a version that nobody knows", "malformed_record", lambda text: text.replace('"v": 1', '"v": 2').encode())
shape(
    "a text where a number belongs", "malformed_record", lambda text: text.replace('"ttl": null', '"ttl": "1"').encode()
)
shape("a number that is none", "malformed_json", lambda text: text.replace('"ttl": null', '"ttl": NaN').encode())
shape("a number without end", "malformed_json", lambda text: text.replace('"ttl": null', '"ttl": 1e999').encode())
shape("half of a character", "malformed_json", lambda text: text.replace('"a test"', r'"\ud800"').encode())
shape("bytes that are not UTF-8", "malformed_json", lambda text: text.replace("a test", "a \xff").encode("latin-1"))
shape("objects in objects in objects", "too_deep", lambda text: b"[" * 100_000 + b"]" * 100_000)
shape("more than a record may hold", "oversize", lambda text: text.encode() + b" " * MAX_RECORD_BYTES)


def header(name: str, **changes: Any) -> None:
    @MALFORMED.attack(name, 1, "malformed_record")
    async def _(h: Hostile) -> object:
        act = h.asked()
        usual = {"alg": "EdDSA", "typ": "p0-request+jws", "kid": h.dana.key.public.thumbprint}
        return await h.bench.admit(h.rewritten(act, json.dumps(h.claims(act)).encode(), header=usual | changes))


header("a header without an algorithm", alg="none")
header("a header with a shared secret's algorithm", alg="HS256")
header("a header that brings its own key", jwk={"kty": "OKP", "crv": "Ed25519", "x": "A" * 43})
header("a header with critical extensions", crit=["b64"], b64=False)


def text(name: str, code: str, record: str) -> None:
    @MALFORMED.attack(name, 1, code)
    async def _(h: Hostile) -> object:
        return await h.bench.admit(SignedAct(record=record, identity=h.dana.identity))


text("two parts instead of three", "malformed_jws", "e30.e30")
text("letters that are not base64url", "malformed_base64url", "é.é.é")
text("base64url with bits to spare", "malformed_base64url", "e31.e30.e30")
text("an unpaired surrogate for a record", "malformed_base64url", "\ud800.e30.e30")
text("a record as large as the line allows", "oversize", "A" * 400_000)


def says(title: str, step: int, code: str, **changes: Any) -> None:
    """Dana signs it herself: the requestor and the server are of one mind."""

    @UNDERSTOOD.attack(title, step, code)
    async def _(h: Hostile) -> object:
        return await h.bench.admit(h.signed_by(h.dana, h.asked(), **changes))


def sql(text: str, **more: Any) -> dict[str, Any]:
    return {"statement": [text], "search_path": ["public"]} | more


says("extend an access that there is not", 8, "extension_unknown", extends="x" * 43)
says("bring settings that change what SQL means", 1, "settings_unsupported", what=sql(MARKETS, settings={"role": "x"}))
says("a search path through somebody's own schema", 1, "search_path_unsafe", what=sql(MARKETS, search_path=["dana"]))
says('a search path through "$user"', 1, "search_path_unsafe", what=sql(MARKETS, search_path=["$user"]))
says("a search path through temporary tables", 1, "search_path_unsafe", what=sql(MARKETS, search_path=["pg_temp"]))
says(
    "a search path that puts others before the built-in names",
    1,
    "search_path_unsafe",
    what=sql(MARKETS, search_path=["public", "pg_catalog"]),
)
says(
    "a sealing key to which everything is sealed alike",
    1,
    "sealing_key",
    enc={"kty": "OKP", "crv": "X25519", "x": b64u(bytes(32))},
)
says("SQL with a NUL character, which some readers take for its end", 7, "syntax_error", what=sql(MARKETS + "\0; drop"))
says("SQL and a role at once", 1, "malformed_record", what=sql(MARKETS, role="postgres"))
says("a role that exists already", 11, "role_above_ceiling", what={"role": "postgres"})
says("a request that outlives a week", 5, "act_expired", exp=1_900_000_000 + 8 * 86_400)
says("a request from tomorrow", 5, "act_early", iat=1_900_086_400, exp=1_900_090_000)
says("a request without a reason", 8, "reason_required", reason=" ")
