"""A rules document from bytes: `load`. Everything that it doesn't understand, or that can't match, it refuses.

It checks shape and meaning of the one file. It does not check whether groups exist, whether a rule can ever be reached,
or whether anybody can satisfy it: that needs more than the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from p0_access.encoding import sha256_b64u
from p0_access.routing import grammar
from p0_access.routing.document import Listing, Mapping, Node, Scalar, parse_document
from p0_access.routing.fields import Fields, did_you_mean
from p0_access.routing.patterns import Pattern, PatternError, parse_email, parse_function, parse_pattern
from p0_access.routing.people import parse_claim, parse_group, parse_issuer, parse_subject
from p0_access.routing.reasons import parse_form
from p0_access.routing.rule import Access, BreakGlass, Requestors, Resource, Rule
from p0_access.routing.rules import DEFAULT_MAX_TTL, DEFAULT_PENDING_FOR, Defaults, RuleSet
from p0_access.routing.verdicts import max_ttl, parse_revokers, parse_session, parse_stepping_up, parse_verdict
from p0_access.routing.windows import DAYS, MINUTES_A_DAY, Window, parse_days, parse_hours

_NAME: Final = re.compile(rf"{grammar.NAME}\Z")
_TAG: Final = re.compile(rf"{grammar.TAG}\Z")


def load(data: bytes, *, source: str) -> RuleSet:
    """The rules in `data`, or `RulesError` with `source:line:column`, what is wrong there, and a hint where one helps.

    `source` is for messages only. `RuleSet.sha256` is over exactly `data`.
    """
    root = Fields.of(grammar.DOCUMENT, parse_document(data, source=source), source=source)
    version = root.need("version", 'start with "version: 1"')
    if not isinstance(version, Scalar) or version.what != "number" or version.text != "1":
        root.fail(version, "this version reads rules of version 1", "write version: 1")
    defaults = _defaults(root)
    tags = _tags(root)
    return RuleSet(
        source=source,
        sha256=sha256_b64u(data),
        defaults=defaults,
        tags=tags,
        rules=_rules(root, tuple(tags)),
        open_catalogs=_open_catalogs(root),
    )


def _defaults(root: Fields) -> Defaults:
    node = root.get("defaults")
    if node is None:
        return Defaults()
    fields = Fields.of(grammar.DEFAULTS, node, source=root.source)
    return Defaults(
        max_ttl=fields.duration("max_ttl") or DEFAULT_MAX_TTL,
        require_reason=fields.boolean("require_reason"),
        pending_for=fields.duration("pending_for") or DEFAULT_PENDING_FOR,
        revoke=parse_revokers(fields),
        step_up_for_writes=fields.boolean("step_up_for_writes", default=True),
        session=parse_session(fields),
    )


def _tags(root: Fields) -> dict[str, tuple[Pattern, ...]]:
    """An empty list declares a tag that only comments give."""
    node = root.get("tags")
    if node is None:
        return {}
    names = list(node.entries) if not isinstance(node, Scalar | Listing) else []
    fields = Fields(node, what="tags", source=root.source, known=names or ("a tag with its columns",))
    found: dict[str, tuple[Pattern, ...]] = {}
    for key, value in fields.entries.values():
        if not _TAG.match(key.text):
            fields.fail(key, f'"{key.text}" is not a tag', "a tag is a lower-case word, such as pii")
        if isinstance(value, Listing) and not value.items:
            found[key.text] = ()
        else:
            found[key.text] = fields.items(key.text, _columns) or ()
    return found


def _open_catalogs(root: Fields) -> tuple[Pattern, ...]:
    node = root.get("databases")
    if node is None:
        return ()
    names = list(node.entries) if isinstance(node, Mapping) else []
    fields = Fields(node, what="databases", source=root.source, known=names or ("a database with what holds for it",))
    for _, value in fields.entries.values():
        Fields.of(grammar.DATABASE, value, source=root.source).parsed("catalog", _openness)
    return fields.names(_one("database"))


def _rules(root: Fields, tags: tuple[str, ...]) -> tuple[Rule, ...]:
    node = root.need("rules", "without rules everything is denied")
    if not isinstance(node, Listing) or not node.items:
        root.fail(node, '"rules" is a list of rules', "without rules everything is denied")
    found: dict[str, Rule] = {}
    for item in node.items:
        rule = _rule(item, root.source, tags)
        if rule.name in found:
            root.fail(_named(item), f'a second rule "{rule.name}"; the first is on line {found[rule.name].line}')
        found[rule.name] = rule
    return tuple(found.values())


def _named(rule: Node) -> Node:
    return rule.entries["name"][1] if isinstance(rule, Mapping) else rule


def _rule(node: Node, source: str, tags: tuple[str, ...]) -> Rule:
    fields = Fields.of(grammar.RULE, node, source=source)
    name = fields.parsed("name", _name)
    access = _access(fields)
    resource = _resource(fields, tags, access)
    approval = Fields.of(grammar.APPROVAL, fields.need("approval"), source=source)
    verdict = parse_verdict(approval)
    if isinstance(verdict, BreakGlass) and resource.relations is None:
        fields.fail(
            fields.need("resource"),
            "break_glass without relations would open everything",
            'say which: relations: ["enterprise.*"]',
        )
    return Rule(
        name=name,
        line=node.line,
        requestors=_requestors(fields),
        resource=resource,
        access=access,
        when=_when(fields),
        approval=verdict,
        max_ttl=max_ttl(approval),
        require_reason=approval.boolean("require_reason") or isinstance(verdict, BreakGlass),
        reason=approval.items("reason", parse_form) or (),
        step_up=parse_stepping_up(approval),
        session=parse_session(fields),
    )


def _requestors(rule: Fields) -> Requestors | None:
    node = rule.get("requestor")
    if node is None:
        return None
    fields = Fields.of(grammar.REQUESTOR, node, source=rule.source)
    issuer = fields.parsed("issuer", parse_issuer) if "issuer" in fields else None
    if not ({"groups", "subjects", "emails", "claims"} & fields.entries.keys()):
        fields.fail(node, "requestor names nobody", "add groups, subjects or emails")
    if "claims" in fields and (issuer is None or "emails" in fields):
        fields.fail(
            fields.entries["claims"][0],
            "claims are those of a workload's token, which its issuer vouches for",
            "add issuer, and no emails",
        )
    if "emails" in fields and issuer is None:
        fields.fail(
            fields.entries["emails"][0],
            "an e-mail address means nothing without who vouches for it",
            "add issuer: the identity provider that owns the domain",
        )
    return Requestors(
        issuer=issuer,
        groups=frozenset(fields.items("groups", parse_group) or ()),
        subjects=frozenset(fields.items("subjects", partial(parse_subject, issuer)) or ()),
        emails=fields.items("emails", parse_email) or (),
        claims=_claims(fields),
    )


def _claims(requestor: Fields) -> tuple[tuple[str, frozenset[str]], ...]:
    node = requestor.get("claims")
    if node is None:
        return ()
    names = list(node.entries) if isinstance(node, Mapping) else []
    fields = Fields(node, what="claims", source=requestor.source, known=names or ("a claim with its value",))
    if not names:
        fields.fail(node, '"claims" pins nothing', 'say which workload: claims: {repository_id: "4711"}')
    return tuple(
        (name, frozenset(fields.items(name, parse_claim) or ()))
        if isinstance(fields.get(name), Listing)
        else (name, frozenset({fields.parsed(name, parse_claim)}))
        for name in sorted(names)
    )


def _resource(rule: Fields, tags: tuple[str, ...], access: Access) -> Resource:
    resource = rule.need("resource", 'say which databases: resource: {databases: ["prod-*"]}')
    fields = Fields.of(grammar.RESOURCE, resource, source=rule.source)
    fields.need("databases", 'every rule says which databases it is about; all of them are ["*"]')
    if "roles" not in fields and access.kinds is not None and all(kind == "role" for kind in access.kinds):
        fields.fail(fields.node, "kinds: [role] without roles", 'say which roles: resource: {roles: ["reporting"]}')
    declare = "declare it under tags at the top; [] there is for a tag that only comments give"
    named = fields.words("tags", tags, "a tag of this document", declare)
    return Resource(
        databases=fields.items("databases", _one("database")) or (),
        schemas=fields.items("schemas", _one("schema")),
        relations=fields.items("relations", _relations),
        columns=fields.items("columns", _columns),
        tags=None if named is None else frozenset(named),
        functions=fields.items("functions", parse_function),
        sequences=fields.items("sequences", _sequences),
        types=fields.items("types", _types),
        large_objects=fields.items("large_objects", _one("oid")),
        roles=fields.items("roles", _one("role")),
    )


def _access(rule: Fields) -> Access:
    node = rule.get("access")
    if node is None:
        return Access()
    fields = Fields.of(grammar.ACCESS, node, source=rule.source)
    privileges = fields.words("privileges", grammar.PRIVILEGES, "a privilege")
    kinds = fields.words("kinds", grammar.KINDS, "a kind of request")
    return Access(
        privileges=None if privileges is None else frozenset(privileges),
        kinds=None if kinds is None else frozenset(kind for kind in grammar.KINDS if kind in kinds),
    )


def _when(rule: Fields) -> Window | None:
    node = rule.get("when")
    if node is None:
        return None
    fields = Fields.of(grammar.WHEN, node, source=rule.source)
    if "days" not in fields and "hours" not in fields:
        fields.fail(node, "when says neither days nor hours", 'write days: [mon-fri] or hours: "09:00-18:00"')
    fields.need("timezone", "hours and days are those of a place: timezone: Europe/Budapest")
    days = fields.items("days", parse_days)
    start, end = fields.parsed("hours", parse_hours) if "hours" in fields else (0, MINUTES_A_DAY)
    return Window(
        days=frozenset(range(len(DAYS))) if days is None else frozenset(day for run in days for day in run),
        start=start,
        end=end,
        timezone=fields.parsed("timezone", _timezone),
    )


def _name(text: str) -> str:
    if not _NAME.match(text):
        raise PatternError(f'"{text}" is not a name for a rule', "use letters, digits, dot, _ and -, at most 63")
    return text


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = available_timezones()
        if not known:
            raise PatternError("there is no time zone data on this machine", "install the tzdata package") from error
        hint = did_you_mean(text, known, "use a name of the IANA list, such as Europe/Budapest")
        raise PatternError(f'"{text}" is not a time zone', hint) from error
    return text


def _openness(text: str) -> str:
    if text != "open":
        raise PatternError(f'"{text}" is no way to show a catalog', "catalog: open, or leave the database out")
    return text


def _one(part: str) -> Callable[[str], Pattern]:
    return lambda text: parse_pattern(text, part)


def _relations(text: str) -> Pattern:
    return parse_pattern(text, "schema", "relation")


def _sequences(text: str) -> Pattern:
    return parse_pattern(text, "schema", "sequence")


def _types(text: str) -> Pattern:
    return parse_pattern(text, "schema", "type")


def _columns(text: str) -> Pattern:
    return parse_pattern(text, "schema", "relation", "column")
