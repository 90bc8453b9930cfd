"""Requests, reviews and lists as lines for people. Everything that somebody else wrote goes through `text.py`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import UNSET

from p0_access.messages.job import waited_for
from p0_access.messages.mandates import Allow, Delegation
from p0_access.messages.records import Admission, Request, Subject, What
from p0_access.messages.views import Event, RequestSummary, RequestView, State
from p0_access.permissions.permission import Kind, Permission
from p0_access.proof import jws
from p0_access.routing.decision import Decision, Denied, NeedsApproval
from p0_access.routing.durations import spell_duration
from p0_access.routing.explain import asked, explain, explain_trace
from p0_launcher.review import Review
from p0_launcher.text import line, shown

MAX_WAITS_FOR: Final = 400
MAX_COMMENT: Final = 200


def clock(seconds: int) -> str:
    """Local time; the date only when it is not today's."""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%Y-%m-%d %H:%M", then)


def person(subject: Subject) -> str:
    return shown(subject.email or subject.sub, lines=False)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, the last one free."""
    cells = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(header) - 1)]
    return "\n".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1])).rstrip()
        for row in cells
    )


def state_of(view: RequestSummary) -> str:
    """`pending (privacy 0/1 and managers 1/1)`, `ended (expired)`, `active until 13:04`, …"""
    return _state(view) + _review_of(view)


def _review_of(view: RequestSummary) -> str:
    """Of an emergency, until somebody has looked at it."""
    if view.review_due is None or view.reviewed_by is not None:
        return ""
    return f", review {'OVERDUE since' if view.review_due <= time.time() else 'due'} {clock(view.review_due)}"


def _state(view: RequestSummary) -> str:
    if view.state is State.ENDED and view.end_cause:
        return f"ended ({line(view.end_cause, 40)})"
    if view.state is State.ACTIVE and view.not_after is not None:
        return f"active until {clock(view.not_after)}"
    if view.state is State.PENDING and view.progress:
        return f"pending ({shown(waited_for(view.progress, time.time()), lines=False)})"
    return view.state.value


def requests_table(requests: Iterable[RequestSummary]) -> str:
    return table(
        ("ID", "STATE", "DATABASE", "WHO", "ASKED", "REASON", "WHAT"),
        (
            (
                one.rid,
                state_of(one),
                line(one.database, 30),
                line(person(one.requestor), 30),
                clock(one.created),
                line(one.reason, 40) or "-",
                line(one.summary, 60),
            )
            for one in requests
        ),
    )


def mandates_table(mandates: Iterable[RequestSummary]) -> str:
    """Allowances or delegations."""
    return table(
        ("ID", "STATE", "DATABASE", "BY", "SIGNED", "USED", "WHAT"),
        (
            (
                one.rid,
                state_of(one),
                line(one.database, 30),
                line(person(one.requestor), 30),
                clock(one.created),
                str(one.used) if one.kind == "allow" else "-",
                line(one.summary, 120),
            )
            for one in mandates
        ),
    )


def waits_for(view: RequestView) -> list[str]:
    """Who has yet to decide, by which rule, because of what; a line for each. Nothing where nobody is waited for."""
    if view.state is not State.PENDING or view.admission is None:
        return []
    decision = jws.unverified_record(view.admission, Admission).rules.decision
    if not isinstance(decision, NeedsApproval):
        return []
    signed = {(each.rule, number): each.by for number, each in enumerate(view.progress)}
    lines = []
    for number, each in enumerate(decision.requirements):
        by = signed.get((each.rule, number), ())
        if len(by) < each.count:
            so_far = f"; approved by {', '.join(by)}" if by else ""
            lines.append(line(f"{asked(each, decision.trace)}{so_far}", MAX_WAITS_FOR))
    return lines


def request_lines(view: RequestView, *, trace: bool = False) -> str:
    """Everything about one request, as the server tells it; with `trace` each rule that was considered."""
    if view.kind != "request":
        return _mandate_lines(view)
    request = jws.unverified_record(view.request, Request)
    facts = [
        ("request", view.rid),
        ("state", state_of(view)),
        *(("waits for", one) for one in waits_for(view)),
        ("who", person(view.requestor)),
        ("database", shown(view.database, lines=False)),
        ("reason", shown(view.reason, lines=False) or "-"),
        ("asked", clock(view.created)),
        ("ttl", _ttl(view, request)),
        ("one-shot", {True: "yes", False: "no", None: "if it writes"}[request.one_shot]),
    ]
    if request.break_glass:
        facts.append(
            (
                "emergency",
                "not reviewed yet" if view.reviewed_by is None else f"reviewed by {line(view.reviewed_by, 60)}",
            )
        )
    if request.extends is not None:
        facts.append(("extends", "an earlier access, for so long in all"))
    if view.login is not None:
        facts.append(("login", shown(view.login, lines=False)))
    facts += [("struck", shown(one, lines=False)) for one in view.struck]
    if view.message is not None:
        facts.append(("because", shown(view.message, lines=False)))
    if view.hint is not None:
        facts.append(("hint", shown(view.hint, lines=False)))
    parts = [_facts(facts), "", *what_lines(request.what)]
    if view.admission is not None:
        admission = jws.unverified_record(view.admission, Admission)
        parts += ["", "permissions", *permission_lines(admission.permissions)]
        parts += ["", "verdict", *decision_lines(admission.rules.decision)]
        if trace:
            parts += ["", "rules considered", *trace_lines(admission.rules.decision)]
    parts += ["", "events"]
    parts += [f"  {event_line(event)}" for event in view.events]
    return "\n".join(parts)


def _mandate_lines(view: RequestView) -> str:
    """An allowance or a delegation, as it was signed."""
    facts = [
        (view.kind, view.rid),
        ("state", state_of(view)),
        ("by", person(view.requestor)),
        ("database", line(view.database, 60)),
        ("comment", shown(view.reason, lines=False) or "-"),
        ("signed", clock(view.created)),
        ("says", shown(view.summary, lines=False)),
    ]
    if view.kind == "allow":
        allow = jws.unverified_record(view.request, Allow)
        facts += [
            ("used", f"{view.used} of {allow.uses}"),
            ("until", clock(allow.exp)),
            ("for", f"{spell_duration(allow.ttl)} each, by {' or '.join(allow.kinds)}"),
        ]
        return "\n".join([_facts(facts), "", "permissions", *permission_lines(allow.permissions)])
    return _facts([*facts, ("until", clock(jws.unverified_record(view.request, Delegation).exp))])


def _ttl(view: RequestView, request: Request) -> str:
    """What was asked for; where the agent's rules or an approver gave less, that, too."""
    asked = None if request.ttl is None else spell_duration(request.ttl)
    decision = None if view.admission is None else jws.unverified_record(view.admission, Admission).rules.decision
    if decision is None or isinstance(decision, Denied):
        return asked or "-"
    approved = [event.data.get("ttl") for event in view.events if event.data.get("decision") == "approve"]
    given = spell_duration(min([decision.ttl, *(each for each in approved if isinstance(each, int))]))
    return given if asked in {None, given} else f"{given} of the {asked} that were asked for"


def event_line(event: Event) -> str:
    """With what an approver said: for how long, and why."""
    by = f" by {line(event.actor, 60)}" if event.actor else ""
    if event.data.get("in_advance"):
        by = f" in advance, by {line(str(event.data['in_advance']), 40)}"
    by += _in_place_of(event)
    ttl, comment = event.data.get("ttl"), event.data.get("comment")
    if event.data.get("decision") == "approve" and isinstance(ttl, int):
        by += f", for {spell_duration(ttl)}"
    what = "denial" if event.data.get("decision") == "deny" else event.type
    state = "" if event.type == event.state.value else f" ({event.state})"
    said = f": {line(str(comment), MAX_COMMENT)}" if comment else ""
    return f"{time.strftime('%H:%M:%S', time.localtime(event.at))}  {what}{by}{state}{said}"


def _in_place_of(event: Event) -> str:
    absent = event.data.get("in_place_of")
    return f" in place of {line(', '.join(map(str, absent)), 60)}" if isinstance(absent, list) and absent else ""


def review_lines(review: Review, *, ttl: int) -> str:
    """What an approver's signature stands under: who, the SQL, what is granted, for how long, and what that means."""
    facts = [
        ("request", review.rid),
        ("who", person(review.admission.subject)),
        ("groups", ", ".join(line(group, 40) for group in review.admission.groups) or "-"),
        ("database", shown(review.request.database, lines=False)),
        ("reason", shown(review.request.reason, lines=False) or "-"),
        ("ttl", f"{spell_duration(ttl)}, from when it is collected"),
        ("one-shot", "yes" if review.request.ends_with_session(review.admission.permissions) else "no"),
    ]
    parts = [_facts(facts), "", *what_lines(review.request.what), "", "permissions"]
    parts += permission_lines(review.admission.permissions)
    if review.admission.reached:
        parts += ["", "reached by code that others own", *permission_lines(review.admission.reached)]
    for warning in review.admission.warnings:
        parts += ["", f"warning: {shown(warning.message, lines=False)}"]
    parts += ["", "verdict", *decision_lines(review.decision)]
    if review.request.what.kind == "statement":
        meaning = "any statement over these columns, by this login, until the time is up"
    else:
        meaning = "any statement within these permissions, by this login, until the time is up"
    parts += ["", f"You allow {meaning}: not only the SQL above."]
    return "\n".join(parts)


def what_lines(what: What) -> list[str]:
    """Under a heading for each text its lines, indented: nothing in it can pass for a heading."""
    if what.statement is not UNSET:
        path = [] if what.search_path is UNSET else [f"search_path {shown(', '.join(what.search_path), lines=False)}"]
        texts = [["SQL", *(f"  {shown(part, lines=False)}" for part in text.split("\n"))] for text in what.statement]
        return [*path, *(part for text in texts for part in text)]
    if what.role is not UNSET:
        return [f"role {shown(what.role, lines=False)}"]
    return ["grant", *permission_lines(() if what.grant is UNSET else what.grant)]


def permission_lines(permissions: Iterable[Permission]) -> list[str]:
    """One line for each object and privilege, its columns gathered."""
    gathered: dict[str, list[str]] = {}
    for one in permissions:
        kind = Kind.RELATION if one.kind is Kind.COLUMN else one.kind
        whole = Permission(kind, one.schema, one.object, None, one.privilege)
        gathered.setdefault(str(whole), []).extend([] if one.column is None else [one.column])
    return [
        f"  {shown(name, lines=False)}" + (f" ({shown(', '.join(columns), lines=False)})" if columns else "")
        for name, columns in gathered.items()
    ]


def decision_lines(decision: Decision) -> list[str]:
    return [f"  {shown(one, lines=False)}" for one in explain(decision)]


def trace_lines(decision: Decision) -> list[str]:
    return [f"  {shown(one, lines=False)}" for one in explain_trace(decision.trace)]


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in facts)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in facts)
