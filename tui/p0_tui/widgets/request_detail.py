"""One request as the server tells it: its timeline, what was asked, and the evidence at its end."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from p0_access.messages.views import RequestView
from p0_access.routing.durations import spell_duration
from p0_tui.asked import unverified_credential, unverified_deletion, unverified_request
from p0_tui.paint import MUTED, field, sql
from p0_tui.safe import EMPTY, safe, stacked
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.status import timeline


class RequestDetail(VerticalScroll, can_focus=True):
    DEFAULT_CSS = """
    RequestDetail {
        scrollbar-size-vertical: 1;
        padding: 0 0 0 1;
    }
    """

    def compose(self) -> ComposeResult:
        yield Prose()

    def show(self, view: RequestView, now: float) -> None:
        self.query_one(Prose).show(stacked((timeline(view, now), EMPTY, *_facts(view), EMPTY, *_evidence(view))))

    def show_text(self, text: str) -> None:
        self.query_one(Prose).show(safe(text, MUTED))


def _facts(view: RequestView) -> list[Content]:
    lines = [
        field("request", view.rid, "bold"),
        field("database", view.database, "bold"),
        field("who", view.requestor.email or view.requestor.sub),
        field("reason", view.reason or "none given"),
        field("asked for", "what the rules give" if view.ttl is None else spell_duration(view.ttl)),
    ]
    if view.struck:
        lines.append(field("leave out", ", ".join(view.struck), "bold $text-warning"))
    if view.login:
        lines.append(field("login", view.login))
    request = unverified_request(view)
    if request is None:
        lines.append(safe("the server shows no readable request", "$text-error"))
    elif isinstance(request.what.statement, tuple):
        lines.append(EMPTY)
        lines.extend(sql(statement) for statement in request.what.statement)
    else:
        lines.append(field("asks for", view.summary))
    return lines


def _evidence(view: RequestView) -> list[Content]:
    lines = [safe("evidence, as the server gives it", "bold")]
    lines.append(field("admission", "signed by the agent" if view.admission else "none"))
    lines.append(field("approvals", f"{len(view.approvals)} signed"))
    lines.append(field("agent", view.agent.thumbprint))
    credential = unverified_credential(view)
    if credential is not None:
        lines.append(field("log", f"entry {credential.log.n} of the agent's log, {credential.log.h}"))
    receipt = unverified_deletion(view)
    if receipt is not None:
        left = ", ".join(receipt.residue) or "nothing is left"
        lines.append(field("deletion", f"{receipt.login} {receipt.cause}: {left}"))
    return lines
