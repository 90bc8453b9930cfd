"""Test cases for rules: who asks for what, and what the rules must say to it. `docs/rules.md` is their reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from p0_access.errors import ReadingError
from p0_access.messages.records import What
from p0_access.permissions.catalog import Catalog, Column, Relation
from p0_access.routing.asked import named, who
from p0_access.routing.decision import Automatic, Decision, Denied, NeedsApproval, Requestor
from p0_access.routing.directory import Directory
from p0_access.routing.document import Listing, Mapping, Node, Scalar, parse_document
from p0_access.routing.durations import parse_duration, spell_duration
from p0_access.routing.fields import Fields
from p0_access.routing.patterns import PatternError
from p0_access.routing.people import parse_issuer
from p0_access.routing.rules import RuleSet
from p0_launcher.errors import UsageError
from p0_launcher.grants import parse_grants
from p0_launcher.rules.drafts import Draft, decide

VERDICTS: Final = ("auto", "approvers", "deny")

ISSUER: Final = "https://id.example"
EXPECTED: Final = ("verdict", "rules", "asks", "later", "tells", "ttl", "says")
HOW_A_TIME_IS_WRITTEN: Final = "write 2026-01-05T12:00:00+01:00, or Z for UTC"
NOON: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""When a case happens that doesn't say so: a Monday."""


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """None does not matter. `rules` decide, all of them and no other; `asks` are spelled as `1 of privacy`, `later` as
    `15m: oncall-dba`; `tells` are the groups that hear of an emergency."""

    verdict: str
    rules: tuple[str, ...] | None
    asks: tuple[str, ...] | None
    later: tuple[str, ...] | None
    tells: tuple[str, ...] | None
    ttl: int | None
    says: str | None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    line: int
    draft: Draft
    expected: Expected


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """`problems` is empty when the rules say what they must. Without a decision the SQL was not understood."""

    case: Case
    decision: Decision | None
    problems: tuple[str, ...]


def load_cases(
    data: bytes, *, source: str, catalog: Callable[[str], Catalog], directory: Directory | None = None
) -> tuple[Case, ...]:
    """`catalog` reads the file that the document names; who asks is also in the groups of `directory`. Raises
    `RulesError` with the place of what is wrong."""
    root = Fields(
        parse_document(data, source=source),
        what="a file of cases",
        source=source,
        known=("version", "catalog", "tables", "cases"),
    )
    if root.count("version", default=0, most=1) != 1:
        root.need("version", 'start with "version: 1"')
    known = catalog(root.text("catalog")) if "catalog" in root else _catalog(_tables(root))
    node = root.need("cases")
    if not isinstance(node, Listing) or not node.items:
        root.fail(node, '"cases" is a list of cases')
    return tuple(_case(item, root.source, known, directory or Directory()) for item in node.items)


def run(rules: RuleSet, case: Case) -> Ran:
    try:
        found = decide(rules, case.draft)
    except ReadingError as error:
        return Ran(case=case, decision=None, problems=(f"the SQL is not understood: {error}",))
    problems = [*_differences(case.expected, found.decision)]
    if found.reason_problem is not None:
        problems.append(found.reason_problem)
    return Ran(case=case, decision=found.decision, problems=tuple(problems))


def _tables(root: Fields) -> tuple[Relation, ...]:
    node = root.need("tables", "tables or catalog say what there is in the database")
    if not isinstance(node, Mapping):
        root.fail(node, '"tables" has tables with their columns: schema.table: [id bigint, name text]')
    fields = Fields(node, what="tables", source=root.source, known=tuple(node.entries))
    found = []
    for key, _ in fields.entries.values():
        schema, dot, name = key.text.partition(".")
        if not dot or not schema or not name:
            fields.fail(key, f'"{key.text}" is not a table', "write schema.table")
        columns = fields.items(key.text, _column) or ()
        found.append(Relation(schema=schema, name=name, kind="table", columns=columns))
    return tuple(found)


def _column(text: str) -> Column:
    name, _, type_ = text.partition(" ")
    return Column(name=name, type=type_.strip() or "text")


def _catalog(tables: tuple[Relation, ...]) -> Catalog:
    schemas = tuple(dict.fromkeys(table.schema for table in tables))
    return Catalog(database="", version="", server_version=18, schemas=schemas, relations=tables)


def _case(node: Node, source: str, catalog: Catalog, directory: Directory) -> Case:
    known = ("name", "requestor", "database", "sql", "grant", "at", "ttl", "reason", "break_glass", "expect")
    fields = Fields(node, what="a case", source=source, known=known)
    database = fields.text("database")
    return Case(
        name=fields.text("name"),
        line=node.line,
        draft=Draft(
            requestor=directory.joined(_requestor(fields)),
            catalog=msgspec.structs.replace(catalog, database=database),
            what=_what(fields, database),
            ttl=fields.duration("ttl"),
            reason=fields.text("reason") if "reason" in fields else "",
            break_glass=fields.boolean("break_glass"),
            at=fields.parsed("at", instant) if "at" in fields else NOON,
        ),
        expected=_expected(fields),
    )


def _requestor(case: Fields) -> Requestor:
    node = case.need("requestor", "requestor: {groups: [analysts]}")
    fields = Fields(node, what="requestor", source=case.source, known=("groups", "subject", "email", "issuer"))
    return Requestor(
        iss=fields.parsed("issuer", parse_issuer) if "issuer" in fields else ISSUER,
        sub=fields.text("subject") if "subject" in fields else "somebody",
        email=fields.text("email") if "email" in fields else None,
        groups=fields.items("groups", str) or (),
    )


def _what(case: Fields, database: str) -> What:
    if ("sql" in case) == ("grant" in case):
        case.fail(case.node, "a case has one of sql and grant")
    if "sql" in case:
        node = case.need("sql")
        if not isinstance(node, Scalar) or not node.text.strip():
            case.fail(node, '"sql" takes the text of a statement')
        return What(statement=(node.text,))
    specs = case.items("grant", str) or ()
    try:
        return parse_grants(database, specs)
    except UsageError as error:
        case.fail(case.need("grant"), str(error), "SELECT on schema.table(column, …)")


def instant(text: str) -> datetime:
    """A time with its zone; `PatternError` otherwise."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise PatternError(f'"{text}" is not a time', HOW_A_TIME_IS_WRITTEN) from error
    if found.tzinfo is None:
        raise PatternError(f'"{text}" has no time zone', HOW_A_TIME_IS_WRITTEN)
    return found


def _expected(case: Fields) -> Expected:
    node = case.need("expect", "expect: {verdict: auto}")
    fields = Fields(node, what="expect", source=case.source, known=EXPECTED)
    verdict = fields.text("verdict")
    if verdict not in VERDICTS:
        fields.fail(fields.need("verdict"), f'"{verdict}" is not a verdict', f"one of: {', '.join(VERDICTS)}")
    return Expected(
        verdict=verdict,
        rules=fields.items("rules", str),
        asks=fields.items("asks", str),
        later=fields.items("later", str),
        tells=fields.items("tells", str),
        ttl=fields.parsed("ttl", parse_duration) if "ttl" in fields else None,
        says=fields.text("says") if "says" in fields else None,
    )


def _differences(expected: Expected, decision: Decision) -> Iterator[str]:
    verdict = verdict_of(decision)
    if verdict != expected.verdict:
        yield f"the verdict is {verdict}, not {expected.verdict}"
    rules = sorted({item.rule for item in decision.trace if item.rule is not None})
    if expected.rules is not None and rules != sorted(expected.rules):
        yield f"decided by {', '.join(rules) or 'no rule'}, not {', '.join(sorted(expected.rules))}"
    asks = [who(each) for each in decision.requirements] if isinstance(decision, NeedsApproval) else []
    if expected.asks is not None and sorted(asks) != sorted(expected.asks):
        yield f"it asks {', '.join(asks) or 'nobody'}, not {', '.join(expected.asks)}"
    if expected.later is not None and _later(decision) != sorted(expected.later):
        yield f"later it asks {', '.join(_later(decision)) or 'nobody'}, not {', '.join(expected.later)}"
    emergency = None if isinstance(decision, Denied) else decision.emergency
    told = () if emergency is None else emergency.notify
    if expected.tells is not None and sorted(told) != sorted(expected.tells):
        yield f"it tells {', '.join(told) or 'nobody'}, not {', '.join(expected.tells)}"
    if expected.ttl is not None and not (isinstance(decision, Denied) or decision.ttl == expected.ttl):
        yield f"it lasts {spell_duration(decision.ttl)}, not {spell_duration(expected.ttl)}"
    said = "; ".join(decision.reasons) if isinstance(decision, Denied) else ""
    if expected.says is not None and expected.says not in said:
        yield f"it does not say {expected.says!r}" + (f" but {said!r}" if said else "")


def _later(decision: Decision) -> list[str]:
    escalations = (each.escalate for each in decision.requirements) if isinstance(decision, NeedsApproval) else ()
    return sorted({f"{spell_duration(each.after)}: {named(each.to)}" for each in escalations if each is not None})


def verdict_of(decision: Decision) -> str:
    """One of `VERDICTS`."""
    if isinstance(decision, Automatic):
        return "auto"
    return "approvers" if isinstance(decision, NeedsApproval) else "deny"
