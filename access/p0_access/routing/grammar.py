"""Which keys a rules document has, and what may stand behind each: tables that `load` reads by and `schema` prints.

A value is written as a fragment of JSON Schema. The schema is looser than `load`: it knows shapes and words, while
`load` also knows what means something. It is never stricter.
"""

from __future__ import annotations

from typing import Any, Final, get_args

import msgspec

from p0_access.routing.decision import LOGGED
from p0_access.routing.rule import RequestKind, Signer
from p0_access.routing.windows import DAYS

MAX_COUNT: Final = 20
"""No decision waits for more people."""

MAX_CONNECTIONS: Final = 100
MAX_MEBIBYTES: Final = 100_000

PRIVILEGES: Final = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN", "USAGE", "CREATE",
    "CONNECT", "TEMPORARY", "EXECUTE", "MEMBER",
)  # fmt: skip
KINDS: Final[tuple[RequestKind, ...]] = get_args(RequestKind)
VERDICTS: Final = ("auto", "deny", "approvers", "all", "any", "break_glass")

NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
TAG: Final = r"[a-z][a-z0-9_-]{0,62}"

Fragment = dict[str, Any]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One mapping of the document: its keys, and those that must be there."""

    what: str
    keys: dict[str, Fragment]
    required: tuple[str, ...] = ()


def text(about: str, **more: Any) -> Fragment:
    return {"type": "string", "minLength": 1, "description": about, **more}


def texts(about: str, **more: Any) -> Fragment:
    return {"type": "array", "minItems": 1, "description": about, "items": {"type": "string", "minLength": 1, **more}}


def words(about: str, known: tuple[str, ...]) -> Fragment:
    return {"type": "array", "minItems": 1, "description": about, "items": {"enum": list(known)}}


def refer(name: str, about: str) -> Fragment:
    return {"$ref": f"#/$defs/{name}", "description": about}


def flag(about: str) -> Fragment:
    return {"type": "boolean", "description": about}


def duration(about: str) -> Fragment:
    return text(f"{about} A whole number with s, m, h, d or w, at most 7d.", pattern="^[1-9][0-9]{0,8}[smhdw]$")


_COUNT: Final[Fragment] = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_COUNT,
    "description": "How many different people; 1 if left out.",
}

DOCUMENT: Final = Table(
    what="a rules document",
    keys={
        "version": {"const": 1, "description": "The version of this language."},
        "defaults": refer("defaults", "What holds for every request."),
        "tags": {
            "type": "object",
            "propertyNames": {"pattern": f"^{TAG}$"},
            "additionalProperties": {"type": "array", "items": {"type": "string", "minLength": 1}},
            "description": "A name for columns: schema.relation.column. [] declares a tag that only comments give.",
        },
        "databases": {
            "type": "object",
            "additionalProperties": {"$ref": "#/$defs/database"},
            "description": "What holds for a database whatever the rules say of it; a name, or a pattern in quotes.",
        },
        "rules": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/$defs/rule"},
            "description": "In order: for each permission the first rule that matches decides.",
        },
    },
    required=("version", "rules"),
)

DEFAULTS: Final = Table(
    what="defaults",
    keys={
        "max_ttl": duration("The longest access where no rule is stricter; 1h if left out."),
        "require_reason": flag("Every request needs a reason."),
        "step_up_for_writes": flag("Approvals of what may write need a sign-in of their own; true if left out."),
        "revoke": refer("approvers", "Who may end any access, beside who asked and who could approve it."),
        "pending_for": duration("How long a request may wait for those who are asked; a day if left out."),
        "session": refer("session", "What sessions are set to where no rule is stricter."),
    },
)

SESSION: Final = Table(
    what="session",
    keys={
        "statement_timeout": duration("How long one statement may run; 15m if left out."),
        "idle_timeout": duration("How long a session may do nothing; 1h if left out."),
        "idle_in_transaction_timeout": duration("How long a transaction may do nothing; 5m if left out."),
        "connections": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_CONNECTIONS,
            "description": "Sessions at once; the agent's own ceiling holds, too.",
        },
        "temp_file_limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_MEBIBYTES,
            "description": "MiB of temporary files; from PostgreSQL 15 on, where the agent may set it.",
        },
        "log_statement": {
            "enum": list(LOGGED),
            "description": "What the server logs; from PostgreSQL 15 on, where the agent may set it.",
        },
    },
)

DATABASE: Final = Table(
    what="a database",
    keys={
        "catalog": {
            "enum": ["open"],
            "description": "open: everybody who is signed in may see the database and the names in it.",
        },
    },
    required=("catalog",),
)

RULE: Final = Table(
    what="a rule",
    keys={
        "name": text("Unique in the file; shown to people.", pattern=f"^{NAME}$"),
        "requestor": refer("requestor", "Who asks; everybody if left out."),
        "resource": refer("resource", "What is asked for."),
        "access": refer("access", "Privileges and kinds of request; all if left out."),
        "when": refer("when", "Days and hours; always if left out."),
        "approval": refer("approval", "What is decided."),
        "session": refer("session", "What sessions are set to."),
    },
    required=("name", "resource", "approval"),
)

REQUESTOR: Final = Table(
    what="requestor",
    keys={
        "issuer": text("Only people of this identity provider."),
        "groups": texts("In one of these groups, by their verified token."),
        "subjects": texts("One of these: https://issuer#subject, or the subject beside issuer."),
        "emails": texts("Their verified address; * may stand before the @. Needs issuer."),
        "claims": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "oneOf": [
                    {"type": "string", "minLength": 1},
                    {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
                ]
            },
            "description": "A workload whose token says all of this, exactly; a list gives several. Needs issuer.",
        },
    },
)

RESOURCE: Final = Table(
    what="resource",
    keys={
        "databases": texts('Databases; all of them are ["*"].'),
        "schemas": texts("Schemas: narrows everything below."),
        "relations": texts("Tables and views, with their columns: schema.relation."),
        "columns": texts("Columns: schema.relation.column."),
        "tags": texts("Columns with one of these tags, declared at the top.", pattern=f"^{TAG}$"),
        "functions": texts(
            "Functions: schema.name, or schema.name(integer, date). SECURITY DEFINER ones are named without a glob."
        ),
        "sequences": texts("Sequences: schema.sequence."),
        "types": texts("Types that PUBLIC may not use: schema.type."),
        "large_objects": texts("Large objects, by their OIDs."),
        "roles": texts("Roles that are asked for by name."),
    },
    required=("databases",),
)

ACCESS: Final = Table(
    what="access",
    keys={
        "privileges": words("Which privileges.", PRIVILEGES),
        "kinds": words("By SQL, permissions by name, or a role by name.", KINDS),
    },
)

WHEN: Final = Table(
    what="when",
    keys={
        "days": texts(f"{', '.join(DAYS)}, or ranges such as mon-fri."),
        "hours": text("09:00-18:00, by the clock on the wall there.", pattern="^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$"),
        "timezone": text("A name of the IANA list, such as Europe/Budapest."),
    },
    required=("timezone",),
)

APPROVERS: Final = Table(
    what="approvers",
    keys={
        "issuer": text("Only people of this identity provider."),
        "groups": texts("Members of one of these groups."),
        "subjects": texts("These people: https://issuer#subject, or an e-mail address beside issuer."),
    },
)

QUORUM: Final = Table(
    what="an entry of all or any",
    keys={"approvers": refer("approvers", "Who is asked."), "count": _COUNT},
    required=("approvers",),
)

ESCALATE: Final = Table(
    what="escalate",
    keys={
        "after": duration("How long after the agent has admitted the request."),
        "to": refer("approvers", "Who may approve then, beside those who were asked first."),
    },
    required=("after", "to"),
)

BREAK_GLASS: Final = Table(
    what="break_glass",
    keys={
        "notify": texts("Groups that are told at once, one of whose members reviews it."),
        "review_within": duration("How long a review may take."),
        "max_ttl": duration("The longest access."),
    },
    required=("notify", "review_within"),
)

SIGNERS: Final[tuple[Signer, ...]] = get_args(Signer)

STEP_UP: Final = Table(
    what="step_up",
    keys={
        "of": words("Whose acts need it; approvers, or the requestor where nobody approves, if left out.", SIGNERS),
        "acr": texts("The provider must say one of these of the sign-in, in its claim acr."),
        "amr": texts("The provider must say one of these, in its claim amr."),
    },
)

APPROVAL: Final = Table(
    what="approval",
    keys={
        "auto": {"const": True, "description": "Nobody is asked."},
        "deny": text("Denied; the person sees this text.", maxLength=500),
        "approvers": refer("approvers", "So many different people of these approve."),
        "all": {
            "type": "array",
            "minItems": 2,
            "items": {"$ref": "#/$defs/quorum"},
            "description": "Each of these is asked.",
        },
        "any": {
            "type": "array",
            "minItems": 2,
            "items": {"$ref": "#/$defs/quorum"},
            "description": "One of these is enough.",
        },
        "break_glass": refer("break_glass", "Granted to who asks for it as an emergency, and reviewed afterwards."),
        "count": _COUNT,
        "escalate": refer("escalate", "Who may approve, too, if nobody has for a while."),
        "max_ttl": duration("The longest access."),
        "require_reason": flag("The request needs a reason."),
        "reason": texts("The reason must name one of these, such as OPS-#; # stands for digits."),
        "step_up": {
            "oneOf": [{"type": "boolean"}, {"$ref": "#/$defs/step_up"}],
            "description": "Who signs signs in for it: approvers, or the requestor where nobody approves.",
        },
    },
)

NAMED: Final = {
    "defaults": DEFAULTS,
    "session": SESSION,
    "database": DATABASE,
    "rule": RULE,
    "requestor": REQUESTOR,
    "resource": RESOURCE,
    "access": ACCESS,
    "when": WHEN,
    "approvers": APPROVERS,
    "quorum": QUORUM,
    "escalate": ESCALATE,
    "break_glass": BREAK_GLASS,
    "step_up": STEP_UP,
    "approval": APPROVAL,
}
"""Every table but the document's own, by the name that others refer to it with."""
