"""The signed records: what people and agents put their keys to. `docs/protocol.md` says what each proves.

Every record is the payload of a JWS (`p0_access.proof.jws`); the `TYP` of its class is the JWS `typ`. Times are integer
seconds since the epoch, TTLs seconds; hashes are base64url SHA-256 as `p0_access.proof.jws.record_hash` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from p0_access.permissions.permission import WRITING, Permission
from p0_access.permissions.reading import ReadingWarning
from p0_access.routing.decision import MAX_DEMANDS, Decision, Requestor, StepUp
from p0_access.secret import Hidden

MAX_SQL_BYTES = 64 * 1024
MAX_REASON = 2_000
MAX_TTL = 7 * 24 * 3600

Text = Annotated[str, Meta(max_length=MAX_REASON)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Hash = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]
Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{5,39}$")]
Jti = Annotated[str, Meta(min_length=16, max_length=64)]
Seconds = Annotated[int, Meta(ge=0, le=253_402_300_799)]
Ttl = Annotated[int, Meta(ge=1, le=MAX_TTL)]
Permissions = Annotated[tuple[Permission, ...], Meta(max_length=5_000)]


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all records. `v` is the version; a reader refuses one that it does not know."""

    TYP: ClassVar[str]
    v: Literal[1] = 1


class Act(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person signs. `aud` is `p0-agent:<thumbprint>`; `idh` and `fresh` hash the ID tokens beside it."""

    aud: Annotated[str, Meta(pattern=r"^p0-agent:[A-Za-z0-9_-]{43}$")]
    idh: Hash
    fresh: Hash | None
    iat: Seconds
    exp: Seconds
    jti: Jti


class SealingKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request's own X25519 key (RFC 8037): the credential is sealed to it and to nothing else."""

    kty: Literal["OKP"] = "OKP"
    crv: Literal["X25519"] = "X25519"
    x: Hash


class What(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of: SQL (with the search path and settings that give it meaning), a role, or named permissions."""

    statement: (
        Annotated[tuple[Annotated[str, Meta(max_length=MAX_SQL_BYTES)], ...], Meta(max_length=64)] | UnsetType
    ) = UNSET
    search_path: Annotated[tuple[Name, ...], Meta(max_length=16)] | UnsetType = UNSET
    settings: dict[str, Text] | UnsetType = UNSET
    role: Name | UnsetType = UNSET
    grant: Permissions | UnsetType = UNSET

    def __post_init__(self) -> None:
        if sum(value is not UNSET for value in (self.statement, self.role, self.grant)) != 1:
            raise ValueError("exactly one of statement, role and grant")
        if self.statement is UNSET and (self.search_path is not UNSET or self.settings is not UNSET):
            raise ValueError("search_path and settings go with a statement")
        if self.statement is not UNSET and not self.statement:
            raise ValueError("a statement is empty")

    @property
    def kind(self) -> Literal["statement", "role", "grant"]:
        if self.statement is not UNSET:
            return "statement"
        return "role" if self.role is not UNSET else "grant"


class Request(Act, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ttl` is what is asked for; the access gets the least of it and every cap. `rid` is the short id people use.
    `one_shot` null leaves it to what is admitted: `ends_with_session`."""

    TYP = "p0-request+jws"
    rid: Id
    database: Name
    what: What
    reason: Text
    ttl: Ttl | None
    one_shot: bool | None
    break_glass: bool
    extends: Hash | None
    enc: SealingKey

    def ends_with_session(self, admitted: Iterable[Permission]) -> bool:
        """Whether the access is for one use. Unless the requestor said so: SQL's that may write, as the agent read and
        signed it; what the server makes of the SQL has no part in it."""
        if self.one_shot is not None:
            return self.one_shot
        return self.what.kind == "statement" and any(permission.privilege in WRITING for permission in admitted)


class Approval(Act, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ah` is the hash of the admission that was read. `permissions` and `ttl` may be less than admitted."""

    TYP = "p0-approval+jws"
    ah: Hash
    decision: Literal["approve", "deny"]
    permissions: Permissions
    ttl: Ttl
    comment: Text


class Collect(Act, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """ "I am here and want it now": at most two minutes old when the agent sees it."""

    TYP = "p0-collect+jws"
    rh: Hash
    ah: Hash


class End(Act, frozen=True, kw_only=True, forbid_unknown_fields=True):
    TYP = "p0-end+jws"
    rh: Hash
    act: Literal["cancel", "relinquish", "revoke"]
    comment: Text


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Somebody, as verified. `claims` is there for a workload: what its token says. `human` is the "iss#sub" that the
    configuration's aliases join this subject with others under."""

    iss: str
    sub: str
    email: str | None
    claims: dict[str, str] | None = None
    human: str | None = None

    def requestor(self, groups: tuple[str, ...]) -> Requestor:
        """As rules see them."""
        claims = None if self.claims is None else tuple(sorted(self.claims.items()))
        return Requestor(iss=self.iss, sub=self.sub, email=self.email, groups=groups, claims=claims, human=self.human)


class ReachedObject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A view, rule, function, trigger, policy, domain or foreign key (`cascade`) that the statement reaches, with a
    digest of its definition."""

    kind: str
    oid: int
    name: str
    digest: str


class AdmissionRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The agent's verdict by its own rules: `sha256` of the file's bytes, and the decision with its trace."""

    sha256: str
    decision: Decision


class Admission(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The agent's reading of a request and its verdict. Approvers sign the hash of this."""

    TYP = "p0-admission+jws"
    rh: Hash
    subject: Subject
    groups: tuple[str, ...]
    permissions: Permissions
    reached: Permissions
    objects: tuple[ReachedObject, ...]
    rules: AdmissionRules
    warnings: tuple[ReadingWarning, ...]
    iat: Seconds
    exp: Seconds


class Refusal(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the agent will not: `step` is the number in the verification order; `code` is stable. Version 2 has
    `step_up`, the sign-ins that the act must have all at once, where the agent's rules name `acr` or `amr`."""

    TYP = "p0-refusal+jws"
    v: Literal[1, 2] = 1  # type: ignore[assignment]  # read only, so a reader of 1 alone is what breaks, as it shall
    rh: Hash
    at: Seconds
    step: int
    code: str
    message: str
    hint: str | None = None
    step_up: Annotated[tuple[StepUp, ...], Meta(min_length=1, max_length=MAX_DEMANDS)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.v == 2) is (self.step_up is UNSET):
            raise ValueError("step_up is what version 2 has")


class LogHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The head of the agent's evidence log: the number and hash of its last entry."""

    n: int
    h: Hash


class Credential(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sealed login. `ct` opens to `CredentialPlaintext` with the request's own key."""

    TYP = "p0-credential+jws"
    rid: Id
    rh: Hash
    iat: Seconds
    exp: Seconds
    suite: Literal["X25519-HKDF-SHA256-CHACHA20POLY1305"]
    ct: str
    log: LogHead


class CredentialPlaintext(Hidden, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sealed. `sslrootcert` is PEM text or null; `not_after` is when the login ends."""

    host: str
    port: int
    dbname: str
    user: str
    password: str
    sslmode: Literal["verify-full", "disable"]
    channel_binding: Literal["require", "prefer", "disable"]
    sslrootcert: str | None
    not_after: Seconds


class DroppedSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    dropped: bool


Cause = Literal["expired", "revoked", "relinquished", "one_shot", "changed", "failed"]


class Deletion(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The receipt: the login is gone, and `residue` names what of it is still found (nothing, when all is well)."""

    TYP = "p0-deletion+jws"
    rh: Hash
    login: str
    set: DroppedSet
    at: Seconds
    cause: Cause
    residue: tuple[str, ...]


class CatalogRecord(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`sha256` hashes the catalog's bytes (JSON of `permissions.catalog.Catalog`), which travel beside it."""

    TYP = "p0-catalog+jws"
    database: Name
    version: str
    at: Seconds
    sha256: Hash
