"""Loading rules: what a good document becomes, and what a bad one is told, with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from p0_access.encoding import sha256_b64u
from p0_access.errors import RulesError
from p0_access.messages.records import MAX_TTL
from p0_access.routing.decision import Alternative, Approvers, Escalation
from p0_access.routing.document import MAX_BYTES
from p0_access.routing.durations import parse_duration, spell_duration
from p0_access.routing.load import load
from p0_access.routing.rule import Auto, BreakGlass, Deny, People, Quorum
from p0_access.routing.rules import DEFAULT_MAX_TTL

GOOD = b"""\
version: 1
defaults: {max_ttl: 2h, require_reason: true}
tags:
  pii: ["enterprise.customers.email"]
  secret: []
rules:
  - name: ledger
    resource: {databases: ["*"], relations: ["ledger.*"]}
    access: {privileges: [INSERT, UPDATE]}
    approval: {deny: "Use a migration."}
  - name: pii
    requestor: {issuer: "https://id.corp.example", groups: [analysts], emails: ["*@corp.example"], subjects: ["u-7"]}
    resource: {databases: ["prod-*"], tags: [pii, secret]}
    when: {days: [mon-wed, sat], hours: "09:00-18:00", timezone: Europe/Budapest}
    approval:
      all:
        - {approvers: {groups: [privacy]}, count: 2}
        - {approvers: {issuer: "https://id.corp.example", subjects: ["Dana@Corp.example", "https://id.corp.example#u-9"]}}
      max_ttl: 30m
      require_reason: true
  - name: everything-else
    resource:
      databases: ["prod-sales"]
      schemas: [enterprise]
      functions: ["enterprise.rate(integer, date)"]
      sequences: ["enterprise.*"]
      types: [enterprise.mood]
      large_objects: ["4711"]
      roles: [reporting]
    access: {kinds: [role, statement]}
    approval: {auto: true}
"""


def test_a_whole_document() -> None:
    rules = load(GOOD, source="rules.yaml")
    assert rules.sha256 == sha256_b64u(GOOD)
    assert (rules.source, rules.defaults.max_ttl, rules.defaults.require_reason) == ("rules.yaml", 7200, True)
    assert [str(each) for each in rules.tags["pii"]] == ["enterprise.customers.email"]
    assert rules.tags["secret"] == ()

    ledger, pii, rest = rules.rules
    assert (ledger.name, ledger.line, ledger.approval) == ("ledger", 7, Deny("Use a migration."))
    assert ledger.access.privileges == frozenset({"INSERT", "UPDATE"})
    assert ledger.requestors is None
    assert ledger.max_ttl is None

    assert pii.requestors is not None
    assert pii.requestors.subjects == {"https://id.corp.example#u-7"}
    assert pii.resource.tags == frozenset({"pii", "secret"})
    assert pii.when is not None
    assert (pii.when.days, pii.when.start, pii.when.end) == (frozenset({0, 1, 2, 5}), 540, 1080)
    assert (pii.max_ttl, pii.require_reason) == (1800, True)
    assert pii.approval == People(
        (
            Quorum(Approvers(groups=("privacy",)), 2),
            Quorum(
                Approvers(
                    subjects=("dana@corp.example", "https://id.corp.example#u-9"), issuer="https://id.corp.example"
                ),
                1,
            ),
        )
    )
    assert rest.access.kinds == frozenset(("role", "statement"))
    assert rest.approval == Auto()


def test_defaults_may_be_left_out() -> None:
    rules = load(b'version: 1\nrules: [{name: a, resource: {databases: ["*"]}, approval: {auto: true}}]', source="x")
    assert rules.defaults.max_ttl == DEFAULT_MAX_TTL
    assert not rules.defaults.require_reason
    assert rules.tags == {}


def test_a_byte_order_mark_and_json_are_fine() -> None:
    document = {"version": 1, "rules": [{"name": "a", "resource": {"databases": ["*"]}, "approval": {"auto": True}}]}
    assert load(b"\xef\xbb\xbf" + json.dumps(document).encode(), source="x").rules[0].name == "a"


def rule(*lines: str) -> str:
    """A document with one rule that has `lines`; its name stands on line 3, `lines` from line 4, indented by four."""
    return "\n".join(["version: 1", "rules:", "  - name: r", *(f"    {line}" for line in lines)])


ALL = 'resource: {databases: ["*"]}'
AUTO = "approval: {auto: true}"


def transcripts() -> Iterator[tuple[str, str, str | None]]:
    """The cases of `bad_rules.txt`: document, message, hint."""
    text = Path(__file__).with_name("bad_rules.txt").read_text(encoding="utf-8")
    for case in text.split("==\n")[1:]:
        document, _, told = case.partition("\n--\n")
        message, _, hint = told.strip().partition("\nhint: ")
        yield document, message, hint or None


def refused(document: bytes) -> RulesError:
    with pytest.raises(RulesError) as caught:
        load(document, source="rules.yaml")
    return caught.value


@pytest.mark.parametrize(("document", "message", "hint"), transcripts(), ids=lambda value: str(value)[:60])
def test_a_bad_document_is_told_where_and_what_instead(document: str, message: str, hint: str | None) -> None:
    error = refused(document.encode())
    assert (str(error), error.hint) == (message, hint)
    assert message.startswith(f"rules.yaml:{error.line}:{error.column}: ")
    assert error.code == "rules_invalid"


BYTES = [
    (b"", "1:1: the file is empty"),
    (b"version: 1\nrules: \xff", "2:8: not UTF-8"),
    (b"version: 1\nrules: \x07", "2:8: a character that YAML does not allow: U+0007"),
    (b"version: 1\nrules:\n\t- a", "3:1: not YAML: found character '\\t' that cannot start any token"),
    (b"version: 1\n---\nversion: 1", "2:1: a second document; rules are one document"),
    (b"version: 1\nrules: " + b"[" * 500_000, "2:19: nested deeper than 12 levels"),
    (rule(ALL, f"approval: {{deny: {'x' * 501}}}").encode(), '5:22: "deny" is longer than 500 characters'),
]


@pytest.mark.parametrize(("document", "message"), BYTES, ids=lambda value: str(value)[:60])
def test_bytes_that_are_no_document(document: bytes, message: str) -> None:
    assert str(refused(document)) == f"rules.yaml:{message}"


@pytest.mark.parametrize(
    ("approval", "expected"),
    [
        ("any: [{approvers: {groups: [a]}}]", '5:21: "any" is a list of two or more approvers'),
        ("auto: true, reason: []", '5:36: "reason" is empty, so nothing would match'),
        ("auto: true, reason: ['INC-[0-9]+']", '5:37: "INC-[0-9]+" is not the form of a ticket'),
        ("auto: true, reason: [INC]", '5:37: "INC" is not the form of a ticket'),
        ("deny: No., reason: ['INC-#']", '5:27: "reason" means nothing beside deny'),
    ],
)
def test_alternatives_and_forms_of_a_reason(approval: str, expected: str) -> None:
    assert str(refused(rule(ALL, f"approval: {{{approval}}}").encode())) == f"rules.yaml:{expected}"


def test_one_of_several() -> None:
    entries = "[{approvers: {groups: [dba]}}, {approvers: {groups: [sre]}, count: 2}]"
    loaded = load(rule(ALL, f"approval: {{any: {entries}}}").encode(), source="x").rules[0]
    instead = Alternative(approvers=Approvers(groups=("sre",)), count=2)
    assert loaded.approval == People((Quorum(Approvers(groups=("dba",)), 1, (instead,)),))


GLASS = "break_glass: {notify: [security], review_within: 24h, max_ttl: 15m}"
RELATIONS = 'resource: {databases: ["*"], relations: ["enterprise.*"]}'


def test_breaking_the_glass_is_told_reviewed_capped_and_needs_a_reason() -> None:
    loaded = load(rule(RELATIONS, f"approval: {{{GLASS}}}").encode(), source="x").rules[0]
    assert loaded.approval == BreakGlass(("security",), 24 * 3600)
    assert (loaded.max_ttl, loaded.require_reason, loaded.breaks_glass) == (900, True, True)


def test_who_steps_in_after_a_while() -> None:
    approval = "approval: {approvers: {groups: [dba]}, escalate: {after: 15m, to: {groups: [oncall]}}}"
    loaded = load(rule(ALL, approval).encode(), source="x").rules[0].approval
    assert isinstance(loaded, People)
    assert loaded.escalate == Escalation(after=900, to=Approvers(groups=("oncall",)))
    assert [each.groups for each in loaded.everybody] == [("dba",), ("oncall",)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((ALL, f"approval: {{{GLASS}}}"), "4:15: break_glass without relations would open everything"),
        ((RELATIONS, "approval: {break_glass: {max_ttl: 15m}}"), '5:29: break_glass needs "notify"'),
        ((RELATIONS, "approval: {break_glass: {notify: [a]}}"), '5:29: break_glass needs "review_within"'),
        ((RELATIONS, f"approval: {{{GLASS}, max_ttl: 5m}}"), '5:85: "max_ttl" goes into break_glass'),
        ((RELATIONS, f"approval: {{{GLASS}, auto: true}}"), ("5:15: approval takes exactly one of auto, deny, "
            "approvers, all, any, break_glass")),
        ((ALL, "approval: {auto: true, escalate: {after: 1m, to: {groups: [a]}}}"),
            '5:28: "escalate" means nothing beside auto'),
        ((ALL, "approval: {approvers: {groups: [a]}, escalate: {after: 1m}}"), '5:52: escalate needs "to"'),
        ((ALL, "approval: {approvers: {groups: [a]}, escalate: {to: {groups: [a]}}}"), '5:52: escalate needs "after"'),
    ],
)  # fmt: skip
def test_what_has_no_meaning_in_an_emergency_or_an_escalation(lines: tuple[str, ...], expected: str) -> None:
    assert str(refused(rule(*lines).encode())) == f"rules.yaml:{expected}"


def test_an_oversize_file_is_refused_unread() -> None:
    error = refused(b" " * (MAX_BYTES + 1))
    assert str(error) == "rules.yaml: larger than 1048576 bytes"
    assert error.code == "rules_oversize"


def test_a_quoted_number_is_text() -> None:
    document = rule('requestor: {groups: ["2024"]}', 'resource: {databases: ["7"]}', AUTO)
    loaded = load(document.encode(), source="x").rules[0]
    assert loaded.requestors is not None
    assert loaded.requestors.groups == {"2024"}


def test_block_style_and_comments() -> None:
    document = dedent("""
        version: 1      # the only one
        rules:
          - name: a
            resource:
              databases:
                - prod-*
            approval:
              deny: >-
                Ask the owners of
                this database.
    """)
    assert load(document.encode(), source="x").rules[0].approval == Deny("Ask the owners of this database.")


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("45s", 45), ("30m", 1800), ("8h", 28_800), ("2d", 172_800), ("90m", 5400)]
)
def test_durations_are_read_and_spelled(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds
    assert spell_duration(seconds) == text


@pytest.mark.parametrize("text", ["", "0m", "1", "m", "1.5h", "-1h", "1h30m", "1 h", "1H", "٣m", "1h\n", "9999999999s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_no_rule_can_allow_more_than_the_protocol() -> None:
    assert parse_duration("7d") == MAX_TTL


def test_without_time_zone_data_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p0_access.routing.load.available_timezones", set)
    error = refused(rule(ALL, "when: {days: [mon], timezone: Not/Here}", AUTO).encode())
    assert str(error) == "rules.yaml:5:35: there is no time zone data on this machine"
    assert error.hint == "install the tzdata package"
