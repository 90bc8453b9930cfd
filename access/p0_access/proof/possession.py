"""Proof of possession on each API call (after RFC 9449, DPoP): a stolen token alone is useless, at the server too."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from p0_access.encoding import sha256_b64u
from p0_access.errors import ProofError
from p0_access.messages.records import Hash, Jti, Record, Seconds
from p0_access.proof import jws
from p0_access.proof.id_token import SKEW
from p0_access.proof.keys import PublicKey, SigningKey


class Possession(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`htm` and `htu` are the method and the URL without query and fragment; `ath` hashes the credential that is sent
    along."""

    TYP: ClassVar[str] = "p0-proof+jws"
    htm: Annotated[str, Meta(pattern=r"^[A-Z]{3,7}$")]
    htu: Annotated[str, Meta(max_length=2_000)]
    iat: Seconds
    jti: Jti
    ath: Hash


def prove(key: SigningKey, *, method: str, url: str, credential: str, now: int, jti: str) -> str:
    """The proof to send: `credential` is the text of the Authorization header after its scheme."""
    ath = sha256_b64u(credential.encode())
    return jws.sign(Possession(htm=method, htu=url, iat=now, jti=jti, ath=ath), key)


def verify_possession(
    unverified_proof: str, key: PublicKey, *, method: str, url: str, credential: str, now: int
) -> Possession:
    """Checks all but that `jti` is new, which needs a memory: the caller refuses one it has seen within `SKEW`, twice
    over."""
    proof = jws.verify(unverified_proof, Possession, key).record
    if (proof.htm, proof.htu) != (method, url):
        raise ProofError("the proof is for another call", code="proof_target")
    if abs(proof.iat - now) > SKEW:
        raise ProofError("the proof is stale; check this machine's clock", code="proof_stale")
    if proof.ath != sha256_b64u(credential.encode()):
        raise ProofError("the proof is for another credential", code="proof_credential")
    return proof
