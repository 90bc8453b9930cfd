"""What stands under `approval` and `session` in a rules document: from nodes to records, or `RulesError` at its place.

It knows nothing of what the rule is about.
"""

from __future__ import annotations

from functools import partial

from p0_access.routing import grammar
from p0_access.routing.decision import LOGGED, Alternative, Approvers, Escalation, Logged, Session, StepUp
from p0_access.routing.document import Listing, Mapping, Node
from p0_access.routing.fields import Fields
from p0_access.routing.patterns import PatternError
from p0_access.routing.people import parse_approver, parse_group, parse_issuer
from p0_access.routing.rule import Approval, Auto, BreakGlass, Deny, People, Quorum, Signer, SteppingUp


def parse_verdict(fields: Fields) -> Approval:
    """Exactly one of the verdicts, with what goes beside it."""
    said = [key for key in grammar.VERDICTS if key in fields]
    if len(said) != 1:
        fields.fail(
            fields.node, f"approval takes exactly one of {', '.join(grammar.VERDICTS)}", "auto: true, for example"
        )
    verdict = said[0]
    if "count" in fields and verdict != "approvers":
        fields.fail(
            fields.entries["count"][0], '"count" goes with approvers', "in all and any, each entry has its own count"
        )
    if "escalate" in fields and verdict not in {"approvers", "all", "any"}:
        fields.fail(fields.entries["escalate"][0], f'"escalate" means nothing beside {verdict}', "remove it")
    if verdict == "deny":
        return _deny(fields)
    if verdict == "auto":
        if not fields.boolean("auto"):
            fields.fail(fields.need("auto"), '"auto" can only be true', "write who approves, or deny with a message")
        return Auto()
    if verdict == "break_glass":
        return _break_glass(fields)
    return People(_quorums(fields, verdict), _escalation(fields))


def max_ttl(fields: Fields) -> int | None:
    """Seconds. An emergency has its cap within `break_glass`; one beside it would be easy to miss."""
    inner = fields.get("break_glass")
    if inner is None:
        return fields.duration("max_ttl")
    if "max_ttl" in fields:
        fields.fail(fields.entries["max_ttl"][0], '"max_ttl" goes into break_glass', "break_glass: {max_ttl: 15m, …}")
    return Fields.of(grammar.BREAK_GLASS, inner, source=fields.source).duration("max_ttl")


def parse_stepping_up(approval: Fields) -> SteppingUp | None:
    """`step_up`, beside any verdict but deny; None where it is left to the defaults. An emergency always has it."""
    node = approval.get("step_up")
    alone: Signer = "requestor" if "auto" in approval or "break_glass" in approval else "approvers"
    if node is None:
        return SteppingUp(of=frozenset({"requestor"})) if "break_glass" in approval else None
    if not isinstance(node, Mapping):
        wanted = approval.boolean("step_up")
        if not wanted and "break_glass" in approval:
            approval.fail(node, "break_glass always takes a sign-in of its own", "remove step_up")
        return SteppingUp(of=frozenset({alone} if wanted else ()))
    fields = Fields.of(grammar.STEP_UP, node, source=approval.source)
    of = fields.words("of", grammar.SIGNERS, "who signs") or (alone,)
    if alone == "requestor" and "approvers" in of:
        fields.fail(fields.need("of"), "nobody approves by this rule", "write of: [requestor]")
    return SteppingUp(
        of=frozenset(signer for signer in grammar.SIGNERS if signer in of),
        demand=StepUp(acr=fields.items("acr", str) or (), amr=fields.items("amr", str) or ()),
    )


def parse_revokers(defaults: Fields) -> Approvers | None:
    """Who may end any access."""
    node = defaults.get("revoke")
    return None if node is None else _approvers(node, defaults.source)


def _deny(fields: Fields) -> Deny:
    for key in ("max_ttl", "require_reason", "reason", "step_up"):
        if key in fields:
            fields.fail(fields.entries[key][0], f'"{key}" means nothing beside deny', "remove it")
    return Deny(fields.text("deny"))


def _break_glass(fields: Fields) -> BreakGlass:
    inner = Fields.of(grammar.BREAK_GLASS, fields.need("break_glass"), source=fields.source)
    inner.need("notify", "an emergency that nobody hears of is a back door: notify: [security]")
    inner.need("review_within", "somebody looks at it afterwards: review_within: 24h")
    return BreakGlass(
        notify=tuple(dict.fromkeys(inner.items("notify", parse_group) or ())),
        review_within=inner.duration("review_within") or 0,
    )


def _quorums(fields: Fields, verdict: str) -> tuple[Quorum, ...]:
    if verdict == "approvers":
        return (_quorum(fields),)
    node = fields.need(verdict)
    if not isinstance(node, Listing) or len(node.items) < 2:
        fields.fail(
            node, f'"{verdict}" is a list of two or more approvers', "for a single one write approvers and count"
        )
    quorums = tuple(_quorum(_entry(item, fields.source)) for item in node.items)
    if verdict == "all":
        return quorums
    first, *others = quorums
    instead = tuple(Alternative(approvers=each.approvers, count=each.count) for each in others)
    return (Quorum(first.approvers, first.count, instead),)


def _escalation(fields: Fields) -> Escalation | None:
    node = fields.get("escalate")
    if node is None:
        return None
    inner = Fields.of(grammar.ESCALATE, node, source=fields.source)
    inner.need("after", "how long is waited first: after: 15m")
    to = inner.need("to", "who may approve then: to: {groups: [oncall-dba]}")
    return Escalation(after=inner.duration("after") or 0, to=_approvers(to, fields.source))


def _entry(node: Node, source: str) -> Fields:
    return Fields.of(grammar.QUORUM, node, source=source)


def _quorum(entry: Fields) -> Quorum:
    approvers = _approvers(entry.need("approvers"), entry.source)
    count = entry.count("count", default=1, most=grammar.MAX_COUNT)
    if not approvers.groups and count > len(approvers.subjects):
        entry.fail(entry.need("count"), f"{count} people must approve, but only {len(approvers.subjects)} listed")
    return Quorum(approvers, count)


def _approvers(node: Node, source: str) -> Approvers:
    fields = Fields.of(grammar.APPROVERS, node, source=source)
    issuer = fields.parsed("issuer", parse_issuer) if "issuer" in fields else None
    groups = tuple(dict.fromkeys(fields.items("groups", parse_group) or ()))
    subjects = tuple(dict.fromkeys(fields.items("subjects", partial(parse_approver, issuer)) or ()))
    if not groups and not subjects:
        fields.fail(node, "approvers names nobody", "add groups or subjects")
    return Approvers(groups=groups, subjects=subjects, issuer=issuer)


def parse_session(parent: Fields) -> Session | None:
    """The `session` of a rule, or of the defaults."""
    node = parent.get("session")
    if node is None:
        return None
    fields = Fields.of(grammar.SESSION, node, source=parent.source)
    return Session(
        statement_timeout=fields.duration("statement_timeout"),
        idle_timeout=fields.duration("idle_timeout"),
        idle_in_transaction_timeout=fields.duration("idle_in_transaction_timeout"),
        connections=fields.count("connections", default=0, most=grammar.MAX_CONNECTIONS) or None,
        temp_file_limit=fields.count("temp_file_limit", default=0, most=grammar.MAX_MEBIBYTES) or None,
        log_statement=fields.parsed("log_statement", _logged) if "log_statement" in fields else None,
    )


def _logged(text: str) -> Logged:
    for each in LOGGED:
        if text == each:
            return each
    raise PatternError(f'"{text}" is not what PostgreSQL logs', f"one of: {', '.join(LOGGED)}")
