"""What the screens need of a signed-in profile: one Protocol, so that they run over the launcher or over a script.

`p0_tui.launcher_backend` satisfies it with the launcher. Every method may raise `P0Error`: its code, message and hint
are what a person is shown. What comes back is untrusted text (`p0_tui.safe`); only `Review`, `Afterwards`, `Ending` and
`Access` are proven.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from p0_access.messages.views import DatabaseView, Event, Explained, Me, RequestSummary, RequestView
from p0_access.permissions.catalog import Catalog
from p0_tui.browser import Announce
from p0_tui.narrowing import Narrowed

if TYPE_CHECKING:  # they bring httpx and cryptography, which are loaded after the first paint
    from p0_launcher.access import Access
    from p0_launcher.emergencies import Afterwards
    from p0_launcher.ending import Ending
    from p0_launcher.mandates import Allowance, Delegating
    from p0_launcher.psql.handover import Launch
    from p0_launcher.review import Review

RequestsView = Literal["mine", "to-review", "all"]
Choice = Literal["approve", "deny"]


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What is being written: `ttl` in seconds, None for what the rules give; `one_shot` None means: if it writes."""

    database: str
    sql: str
    reason: str = ""
    ttl: int | None = None
    one_shot: bool | None = None


class Backend(Protocol):
    async def me(self) -> Me:
        """Who is signed in."""

    async def databases(self) -> Sequence[DatabaseView]:
        """Those that may be asked for."""

    async def catalog(self, database: str) -> Catalog:
        """The agent's signed snapshot, verified; the last one while the server is away."""

    async def explain(self, draft: Draft, *, break_glass: bool = False) -> Explained:
        """The server's preview of a draft, or of a draft as an emergency."""

    async def reusable(self, draft: Draft) -> Access | None:
        """An access that is open for exactly this SQL, if there is one."""

    async def submit(self, draft: Draft, *, break_glass: bool = False) -> RequestView:
        """Signs a request and hands it in, with `break_glass` as an emergency."""

    async def requests(self, view: RequestsView) -> Sequence[RequestSummary]:
        """Newest first."""

    async def request(self, rid: str) -> RequestView:
        """One request, as the server tells it."""

    def events(self, after: int | None) -> AsyncIterator[Event]:
        """The live stream from `after` on. It ends or raises when the connection does; reconnecting is the caller's."""

    def review(self, view: RequestView) -> Review:
        """What an approver signs, verified; raises when anything in it does not hold."""

    async def decide(
        self, review: Review, choice: Choice, comment: str, narrowed: Narrowed | None = None
    ) -> RequestView:
        """Signs the decision on what was reviewed, or on what is left of it, and hands it in."""

    def afterwards(self, view: RequestView) -> Afterwards:
        """What one signs to have looked at, of an emergency, verified; raises when anything in it does not hold."""

    async def close_review(self, looked_at: Afterwards, comment: str) -> RequestView:
        """Signs that an emergency was looked at, and hands that in."""

    async def mandates(self) -> Sequence[RequestSummary]:
        """Allowances and delegations that one signed or is named in, newest first."""

    async def sign_mandate(self, mandate: Allowance | Delegating) -> Sequence[RequestView]:
        """Signs it for every agent that it concerns, and hands it in."""

    async def ending(self, rid: str) -> Ending:
        """What one's word would end: somebody's access, or a mandate of one's own, verified."""

    async def revoke(self, what: Ending, comment: str) -> RequestView:
        """Signs that it ends now."""

    async def extend(self, rid: str, *, ttl: int, reason: str) -> RequestView:
        """Asks that one's open access may last `ttl` seconds from its start, and waits for the decision."""

    async def give_back(self, rid: str) -> RequestView:
        """Ends one's own access, or withdraws a request that has none yet."""

    async def open(self, rid: str) -> Access:
        """Waits for the decision, collects, verifies and opens. An access that is open already is returned at once."""

    async def psql(self, access: Access, *, statement: bool) -> Launch:
        """A psql, logged in by `access`: with `statement` it runs what was signed, else it is interactive. The caller
        runs it and closes what it holds."""

    def command_line(self, draft: Draft) -> str:
        """The `p0 psql …` that asks for the same, quoted for a shell."""

    def announce_sign_ins(self, announce: Announce) -> None:
        """Who tells the person, from now on, that an act needs their browser."""

    async def sign_in(self) -> None:
        """Signs in anew, in the browser."""

    def server_ahead(self) -> float:
        """By how many seconds the server's clock is ahead of this machine's, 0 while that is not known."""

    async def close(self) -> None:
        """Lets go of connections."""
