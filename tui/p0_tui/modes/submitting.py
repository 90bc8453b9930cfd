"""Submitting a draft: the server is asked anew, the person too if its answer is not the one on the screen; then it is
signed. Holds no widget: what it shows and asks goes through callbacks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.content import Content

from p0_access.messages.views import Explained, RequestView
from p0_access.routing.decision import Denied
from p0_access.routing.durations import spell_duration
from p0_tui.backend import Backend, Draft
from p0_tui.emergency import emergency_question
from p0_tui.paint import verdict_line
from p0_tui.preview import Preview
from p0_tui.safe import safe, stacked
from p0_tui.verdict import Verdict


class Submission:
    """`show` puts an answer on the screen, `confirm` asks a question and gives the answer, `confirm_typed` one whose
    yes is a word to be typed; `tell` and `refuse` say something, good or bad; `busy` says when it is being signed."""

    def __init__(
        self,
        backend: Backend,
        preview: Preview,
        *,
        show: Callable[[Explained], None],
        confirm: Callable[[Content, str], Awaitable[bool]],
        confirm_typed: Callable[[Content, str], Awaitable[bool]],
        tell: Callable[[str], None],
        refuse: Callable[[str], None],
        busy: Callable[[bool], None],
    ) -> None:
        self._backend = backend
        self._preview = preview
        self._show = show
        self._confirm = confirm
        self._confirm_typed = confirm_typed
        self._tell = tell
        self._refuse = refuse
        self._busy = busy
        self.signing = False
        """Whether the last one asked for came to be signed and handed in."""

    async def ask(self, draft: Draft) -> RequestView | None:
        """The request that was made, or the one whose open access serves the same SQL; None if nothing was asked."""
        self.signing = False
        before = self._preview.verdict()
        open_already = await self._open_already(draft)
        if open_already is not None:
            return open_already
        self._show(await self._backend.explain(draft))
        if self._preview.shown.problems:
            self._refuse("The server does not understand this SQL; see the permissions pane.")
            return None
        now = self._preview.verdict()
        if now is None:
            self._refuse("The server gave no verdict. Try again.")
            return None
        if (now != before or now[0] is Verdict.DENIED) and not await self._confirmed(now[0], seen=before is not None):
            return None
        return await self._sign(draft, break_glass=False)

    async def break_glass(self, draft: Draft) -> RequestView | None:
        """The same as an emergency. Nothing is asked where the rules would decide it no other way than ever."""
        self.signing = False
        open_already = await self._open_already(draft)
        if open_already is not None:
            return open_already
        explained = await self._backend.explain(draft, break_glass=True)
        decision = explained.decision
        if decision is None:
            self._refuse("The server gave no verdict on this as an emergency. Try again.")
        elif isinstance(decision, Denied):
            self._refuse(f"The rules say no to this in an emergency, too: {'; '.join(decision.reasons)}")
        elif decision.emergency is None:
            self._refuse("No break-glass rule covers this: it would be decided as ever. ^J submits it.")
        elif await self._confirm_typed(emergency_question(draft, decision, decision.emergency), draft.database):
            return await self._sign(draft, break_glass=True)
        return None

    async def _open_already(self, draft: Draft) -> RequestView | None:
        access = await self._backend.reusable(draft)
        if access is None:
            return None
        self._tell("An access for this very SQL is open already: F2 opens psql, F3 runs it.")
        return await self._backend.request(access.rid)

    async def _sign(self, draft: Draft, *, break_glass: bool) -> RequestView:
        self.signing = True
        self._busy(True)  # noqa: FBT003 - a callback's one argument
        try:
            return await self._backend.submit(draft, break_glass=break_glass)
        finally:
            self._busy(False)  # noqa: FBT003 - a callback's one argument

    async def _confirmed(self, verdict: Verdict, *, seen: bool) -> bool:
        assessment = self._preview.shown.assessment
        assert assessment is not None
        if verdict is Verdict.DENIED:
            head = safe("The rules say no to this. The agent would refuse it, too.", "bold")
        elif seen:
            head = safe("The verdict is not the one that was on the screen. It is now:", "bold")
        else:
            head = safe("You have not seen the verdict yet:", "bold")
        lines = [head, verdict_line(verdict, assessment.headline)]
        if assessment.ttl is not None:
            lines.append(safe(f"for {spell_duration(assessment.ttl)}"))
        return await self._confirm(stacked(lines), "submits all the same")
