"""The review: exactly what an approver signs, and what the server says about it, kept apart.

It shows a verified `Review`, or in red why it is not one. Nothing here can be clicked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from p0_access.encoding import sha256_b64u
from p0_access.errors import P0Error
from p0_access.messages.job import waited_for
from p0_access.messages.records import Request
from p0_access.messages.views import RequestSummary, RequestView, State
from p0_access.permissions.permission import Kind, Permission
from p0_access.permissions.settle import Tags
from p0_access.routing.durations import spell_duration
from p0_access.routing.explain import explain_trace
from p0_tui.assessment import assess, risks
from p0_tui.database_look import look_of
from p0_tui.emergency import is_open, review_state
from p0_tui.narrowing import Narrowed
from p0_tui.paint import MUTED, field, group_lines, sql, verdict_line
from p0_tui.safe import EMPTY, joined, safe, safe_lines, stacked
from p0_tui.surroundings import Surroundings
from p0_tui.widgets.prose import Prose

if TYPE_CHECKING:
    from p0_launcher.emergencies import Afterwards
    from p0_launcher.review import Review


MAX_RESTATED = 4


class ReviewPane(VerticalScroll, can_focus=True):
    DEFAULT_CSS = """
    ReviewPane {
        scrollbar-size-vertical: 1;
        padding: 0 0 0 1;
        & > #review-state { height: auto; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Prose(id="review-state")
        yield Prose(id="review-body")

    def show_nothing(self, text: str) -> None:
        self._show(safe(text, MUTED), EMPTY)

    def show_review(
        self,
        review: Review | Afterwards,
        view: RequestView,
        tags: Tags,
        surroundings: Surroundings,
        *,
        narrowed: Narrowed | None,
        disabled: str | None,
        changed: bool,
        now: float,
    ) -> None:
        """`narrowed` is what is left of it; `disabled` says why this person cannot decide; `changed` that it is not
        what was shown before."""
        head: list[Content] = []
        if changed:
            head.append(safe("Changed, review again", "bold $text-warning reverse"))
        if disabled:
            head.append(safe(f"✗ {disabled}", "bold $text-warning"))
        else:
            can = "A looked at it, X end it, if you may" if is_open(view) else "A approve, X deny, n approve less"
            head.append(joined((safe("✓ verified", "bold $text-success"), safe(f"  {can}: each asks before it signs"))))
        if narrowed is not None:
            head.extend(_narrowed_lines(review, narrowed))
        self._show(stacked(head), review_content(review, view, tags, surroundings, now=now))

    def show_undecidable(self, error: P0Error) -> None:
        """It is what it says it is, but there is nothing to decide."""
        self._show(safe(str(error), "bold"), safe(error.hint or "", MUTED))

    def show_unverified(self, error: P0Error) -> None:
        lines = [safe("✗ NOT VERIFIED: do not approve", "bold $text-error reverse"), safe(str(error), "$text-error")]
        if error.hint:
            lines.append(safe(error.hint, MUTED))
        self._show(stacked(lines), EMPTY)

    def _show(self, state: Content, body: Content) -> None:
        self.query_one("#review-state", Prose).show(state)
        self.query_one("#review-body", Prose).show(body)


def review_content(
    review: Review | Afterwards, view: RequestView, tags: Tags, surroundings: Surroundings, *, now: float
) -> Content:
    """Everything the signature covers, then what it changes, what else this login would reach, what was asked for
    before, and the rules' trace."""
    request, admission = review.request, review.admission
    decision = admission.rules.decision
    assessment = assess(admission.permissions, decision, tags)
    lines = [EMPTY, *_emergency(review, view, now), verdict_line(assessment.verdict, assessment.headline)]
    lines.extend(safe(f"  because {ground}", MUTED) for ground in assessment.grounds)
    lines.extend(
        safe(f"! {risk}", "bold $text-warning") for risk in risks(admission.permissions, admission.reached, tags)
    )
    lines.extend(safe(f"! {item.message}", "$text-warning") for item in admission.warnings)
    lines.append(EMPTY)
    lines.append(field("who", review.requestor, "bold"))
    lines.append(field("groups", ", ".join(admission.groups) or "none"))
    look = look_of(request.database)
    lines.append(field("database", f"{look.mark}{request.database}", look.style))
    lines.append(field("reason", request.reason or "none given"))
    lines.append(field("for", spell_duration(review.ttl), "bold"))
    lines.append(field("approvals", waited_for(view.progress, now) or "none yet"))
    lines.append(field("signs", review.ah))
    lines.extend(_asked(request))
    for group in assessment.groups:
        lines.append(EMPTY)
        lines.extend(group_lines(group))
    lines.extend(safe(f"  + {text}", MUTED) for text in assessment.implied)
    lines.extend(_change(admission.permissions, surroundings))
    if admission.reached:
        lines.extend((EMPTY, safe("reached through code that runs as its owner", "bold")))
        lines.extend(safe(f"  {item}") for item in admission.reached)
    if surroundings.callable_by_all:
        lines.extend((EMPTY, safe("any login may call here, with the owner's rights", "bold")))
        lines.extend(safe(f"  {item}") for item in surroundings.callable_by_all)
    if surroundings.similar:
        lines.extend((EMPTY, safe("asked for before, as the server tells", "bold")))
        lines.extend(_similar_line(item, view) for item in surroundings.similar)
    if admission.objects:
        lines.append(EMPTY)
        lines.append(safe("which objects, by digest", "bold"))
        lines.extend(safe(f"  {item.kind} {item.name}  {item.digest}") for item in admission.objects)
    lines.append(EMPTY)
    lines.append(safe("rule trace", "bold"))
    lines.extend(safe(f"  {each}", MUTED if each.startswith(" ") else "") for each in explain_trace(decision.trace))
    return stacked(lines)


def _emergency(review: Review | Afterwards, view: RequestView, now: float) -> list[Content]:
    """Of an emergency, by the agent's word: who was told; and by the server's, until when it is to be looked at."""
    emergency = review.decision.emergency
    if emergency is None:
        return []
    lines = [safe(f"! an emergency: {' and '.join(emergency.notify)} are told", "bold $text-error")]
    state = review_state(view, now)
    if state is not None:
        bad, said = state
        lines.append(safe(f"! {said}", "bold $text-error" if bad else "bold $text-warning"))
    return lines


def restated(review: Review | Afterwards, narrowed: Narrowed | None = None) -> str:
    """Who gets what for how long, in one sentence."""
    what = _listed(review.admission.permissions if narrowed is None else narrowed.permissions)
    ttl = review.ttl if narrowed is None else narrowed.ttl
    where = f"on {review.request.database}, by one login, for {spell_duration(ttl)}"
    return f"{review.requestor} may run any statement over these {where}: {what}"


def _narrowed_lines(review: Review | Afterwards, narrowed: Narrowed) -> list[Content]:
    """What an approval would leave out."""
    lines = [safe("less than was asked for:", "bold $text-warning")]
    left = set(narrowed.permissions)
    lines.extend(safe(f"  ✗ {item}", "$text-error") for item in review.admission.permissions if item not in left)
    if narrowed.ttl != review.ttl:
        lines.append(safe(f"  for {spell_duration(narrowed.ttl)} instead of {spell_duration(review.ttl)}"))
    return lines


def _change(permissions: Sequence[Permission], surroundings: Surroundings) -> list[Content]:
    """Against what the requestor holds on this database now."""
    if surroundings.held is None:
        return []
    held = set(surroundings.held)
    return [
        EMPTY,
        safe("change against what they hold now, as the server tells", "bold"),
        *(
            safe(f"  = {item}", MUTED) if item in held else safe(f"  + {item}")
            for item in permissions
            if not item.implied
        ),
    ]


def _similar_line(item: RequestSummary, view: RequestView) -> Content:
    same = "the same SQL" if item.summary == view.summary else item.summary
    who = item.requestor.email or item.requestor.sub
    state = item.end_cause if item.state is State.ENDED and item.end_cause else item.state.value
    return safe(f"  {item.rid}  {state.replace('_', ' ')}  {who}  {same}")


def _listed(permissions: tuple[Permission, ...]) -> str:
    """`SELECT (email, name) on enterprise.customers; …`, at most `MAX_RESTATED` of them."""
    columns: dict[tuple[str, str], list[str]] = {}
    others: list[str] = []
    for item in permissions:
        if item.kind is Kind.COLUMN:
            columns.setdefault((item.privilege, f"{item.schema}.{item.object}"), []).append(item.column or "")
        elif not item.implied:
            others.append(str(item))
    named = [f"{privilege} ({', '.join(names)}) on {target}" for (privilege, target), names in columns.items()] + others
    if not named:
        named = [str(item) for item in permissions]
    more = f" and {len(named) - MAX_RESTATED} more, all in the review" if len(named) > MAX_RESTATED else ""
    return "; ".join(named[:MAX_RESTATED]) + more


def _asked(request: Request) -> list[Content]:
    what = request.what
    lines: list[Content] = [EMPTY]
    if isinstance(what.statement, tuple):
        for statement in what.statement:
            lines.append(joined((safe("SQL", "bold"), safe(f"  sha256 {sha256_b64u(statement.encode())}", MUTED))))
            lines.append(sql(statement))
        if isinstance(what.search_path, tuple):
            lines.append(field("path", ", ".join(what.search_path)))
    elif isinstance(what.role, str):
        lines.append(field("role", what.role, "bold"))
    elif isinstance(what.grant, tuple):
        lines.append(safe("named permissions", "bold"))
        lines.extend(safe_lines(f"  {item}") for item in what.grant)
    return lines
