"""A scripted control plane for the terminal UI: the kernel's real reading, routing and signatures, no network, and a
clock that stands still. Tests drive what other people and the agent do."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input
from textual.widgets._toast import Toast

from p0_access.encoding import sha256_b64u
from p0_access.errors import P0Error
from p0_access.messages.job import Progress
from p0_access.messages.mandates import Allow, Delegation
from p0_access.messages.records import Admission, AdmissionRules, Request, Subject, What
from p0_access.messages.views import AgentView, DatabaseView, Event, Explained, Me, RequestSummary, RequestView, State
from p0_access.permissions.catalog import Catalog, Column, Function, Relation
from p0_access.permissions.infer import read
from p0_access.permissions.reading import Refused, StatementReading
from p0_access.proof import jws
from p0_access.proof.keys import SigningKey
from p0_access.proof.sealing import OpeningKey
from p0_access.routing.asked import named
from p0_access.routing.decide import route
from p0_access.routing.decision import Decision, Denied, NeedsApproval, Requestor
from p0_access.routing.load import load
from p0_access.routing.question import ask
from p0_access.secret import Secret
from p0_demo.identity_provider import User
from p0_demo.stage import Stage
from p0_launcher.access import Access
from p0_launcher.emergencies import Afterwards, afterwards
from p0_launcher.ending import Ending, ending
from p0_launcher.errors import NotSignedInError, UnavailableError
from p0_launcher.mandates import Allowance, Delegating
from p0_launcher.profile import load as load_profile
from p0_launcher.psql.handover import Launch
from p0_launcher.review import Review, review
from p0_tui.app import P0App
from p0_tui.backend import Choice, Draft, RequestsView
from p0_tui.browser import Announce, Browser
from p0_tui.launcher_backend import LauncherBackend
from p0_tui.narrowing import Narrowed
from p0_tui.widgets.catalog import CatalogTree
from p0_tui.widgets.prose import Prose

ROOT = Path(__file__).parents[1]
NOW = 1_790_000_000
DEADLINE = 10.0
AGENT = SigningKey(b"a" * 32)
PERSON = SigningKey(b"p" * 32)
RULES = load((ROOT / "launcher/p0_demo/data/rules.yaml").read_bytes(), source="rules.yaml")
ISS = "https://id.example"
DANA = Subject(iss=ISS, sub="dana", email="dana@corp.example")
MARA = Subject(iss=ISS, sub="mara", email="mara@corp.example")
GROUPS = ("analysts",)


def _table(schema: str, name: str, *columns: tuple[str, str], kind: str = "table", **comments: str) -> Relation:
    made = tuple(Column(name=column, type=type_, comment=comments.get(column)) for column, type_ in columns)
    return Relation(schema=schema, name=name, kind=kind, columns=made)  # type: ignore[arg-type]  # a literal's value


CATALOG = Catalog(
    database="mydatabase",
    version="v41",
    server_version=18,
    schemas=("enterprise", "ledger"),
    relations=(
        _table("enterprise", "markets", ("id", "integer"), ("code", "text"), ("name", "text"), ("region", "text")),
        _table(
            "enterprise",
            "customers",
            ("id", "bigint"),
            ("market_id", "integer"),
            ("name", "text"),
            ("email", "text"),
            ("phone", "text"),
            email="p0:pii Where invoices go",
            phone="p0:pii",
        ),
        _table(
            "enterprise",
            "orders",
            ("id", "bigint"),
            ("customer_id", "bigint"),
            ("status", "text"),
            ("amount", "numeric"),
        ),
        _table("ledger", "entries", ("id", "bigint"), ("amount", "numeric")),
    ),
    functions=(Function(schema="enterprise", name="rate", arguments="integer, date", returns="numeric"),),
)


def _mandate(rid: str, mandate: Allowance | Delegating) -> Allow | Delegation:
    common: dict[str, Any] = {
        "aud": f"p0-agent:{AGENT.public.thumbprint}",
        "idh": "i" * 43,
        "fresh": None,
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + mandate.lifetime,
        "jti": "j" * 22,
        "rid": rid,
        "comment": mandate.comment,
    }
    if isinstance(mandate, Delegating):
        return Delegation(**common, to=mandate.person, groups=mandate.groups)
    return Allow(
        **common,
        subject=mandate.person,
        database=mandate.database,
        permissions=mandate.permissions,
        kinds=mandate.kinds,
        uses=mandate.uses,
        ttl=mandate.ttl,
    )


class World:
    """Satisfies `p0_tui.backend.Backend` for one person, `me`. Other methods are what happens around them."""

    def __init__(self, me: Subject = DANA, groups: Sequence[str] = GROUPS, catalog: Catalog = CATALOG) -> None:
        self.subject, self.groups, self.catalog_now = me, tuple(groups), catalog
        self.views: dict[str, RequestView] = {}
        self.problem: P0Error | None = None
        self.agent_online = True
        self.decided: list[tuple[str, Choice, str, str]] = []
        self.submitted: list[Draft] = []
        self.given_back: list[str] = []
        self.explained = 0
        self.extended: list[tuple[str, int, str]] = []
        self.refused_extension: P0Error | None = None
        self.announce: Announce | None = None
        self.browser = Browser()
        self.signed_in = asyncio.Event()
        self.step_up = False
        self.ahead = 0.0
        self.name = "mydatabase"
        self.narrowed: list[Narrowed | None] = []
        self.ran: list[tuple[str, bool]] = []
        self.rules = RULES
        self.looked_at: list[tuple[str, str, str]] = []
        self.mandated: list[Allowance | Delegating] = []
        self.standing: dict[str, RequestView] = {}
        self.revoked: list[tuple[str, str, str]] = []
        self.psql_program: tuple[str, ...] = ("psql",)
        self._seq = 0
        self._listeners: set[asyncio.Queue[Event | None]] = set()
        self._changed = asyncio.Event()

    # --- the Backend

    async def me(self) -> Me:
        self._reachable()
        return Me(subject=self.subject, groups=self.groups, exp=NOW + 3600)

    async def databases(self) -> Sequence[DatabaseView]:
        self._reachable()
        return (
            DatabaseView(
                name=self.name,
                agent=AGENT.public.thumbprint,
                online=self.agent_online,
                catalog_version=self.catalog_now.version,
                rules_match=True,
                seen=NOW,
            ),
        )

    async def catalog(self, database: str) -> Catalog:  # noqa: ARG002 - there is one only
        self._reachable()
        return self.catalog_now

    async def explain(self, draft: Draft, *, break_glass: bool = False) -> Explained:
        self._reachable()
        self.explained += 1
        statements = read(draft.sql, self.catalog_now)
        understood = not any(isinstance(item, Refused) for item in statements)
        return Explained(
            statements=statements,
            decision=self.route(draft, self.subject, self.groups, break_glass=break_glass) if understood else None,
            catalog_version=self.catalog_now.version,
            rules_sha256="",
        )

    async def reusable(self, draft: Draft) -> Access | None:
        self._reachable()
        for view in self.views.values():
            if view.mine and view.state is State.ACTIVE and view.summary == " ".join(draft.sql.split()):
                return await self.open(view.rid)
        return None

    async def submit(self, draft: Draft, *, break_glass: bool = False) -> RequestView:
        self._reachable()
        if break_glass:
            await self.browse("https://id.example/authorize?for=this-emergency")
        self.submitted.append(draft)
        return self.ask(draft, self.subject, self.groups, break_glass=break_glass)

    async def requests(self, view: RequestsView) -> Sequence[RequestSummary]:
        self._reachable()
        newest = sorted(self.views.values(), key=lambda item: (item.created, item.rid), reverse=True)
        match view:
            case "mine":
                return [item for item in newest if item.mine]
            case "to-review":
                open_ = [item for item in newest if item.review_due is not None and item.reviewed_by is None]
                return [
                    item
                    for item in newest
                    if (item.reviewable and item.state is State.PENDING) or (item in open_ and not item.mine)
                ]
            case "all":
                return newest

    async def request(self, rid: str) -> RequestView:
        self._reachable()
        return self.views[rid]

    async def events(self, after: int | None) -> AsyncIterator[Event]:  # noqa: ARG002 - nothing is kept
        self._reachable()
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while (event := await queue.get()) is not None:
                yield event
            self._reachable()
        finally:
            self._listeners.discard(queue)

    def review(self, view: RequestView) -> Review:
        return review(view, pins={AGENT.public.thumbprint}, now=NOW)

    async def decide(
        self, review: Review, choice: Choice, comment: str, narrowed: Narrowed | None = None
    ) -> RequestView:
        self._reachable()
        if self.step_up:
            await self.browse("https://id.example/authorize?for=this-decision")
        self.decided.append((review.rid, choice, comment, review.ah))
        self.narrowed.append(narrowed)
        state = State.APPROVED if choice == "approve" else State.DENIED
        return self.move(review.rid, state, "approval" if choice == "approve" else "denied", who=self.subject)

    def afterwards(self, view: RequestView) -> Afterwards:
        return afterwards(view, pins={AGENT.public.thumbprint})

    async def close_review(self, looked_at: Afterwards, comment: str) -> RequestView:
        self._reachable()
        self.looked_at.append((looked_at.rid, comment, looked_at.ah))
        view = self.views[looked_at.rid]
        return self.move(looked_at.rid, view.state, "reviewed", who=self.subject, reviewed_by=self.subject.email)

    async def mandates(self) -> Sequence[RequestSummary]:
        self._reachable()
        return tuple(self.standing.values())

    async def sign_mandate(self, mandate: Allowance | Delegating) -> Sequence[RequestView]:
        self._reachable()
        self.mandated.append(mandate)
        rid = f"m-8f21{len(self.standing) + 1:04d}"
        kind, words = ("allow", "allows") if isinstance(mandate, Allowance) else ("delegation", "delegates to")
        view = self.ask(Draft(database=self.name, sql="select 1", reason=mandate.comment), self.subject, ())
        del self.views[view.rid]
        self.standing[rid] = msgspec.structs.replace(
            view,
            rid=rid,
            kind=kind,
            request=jws.sign(_mandate(rid, mandate), PERSON),
            admission=None,
            summary=f"{words} {mandate.person}",
            state=State.ACTIVE,
            not_after=NOW + mandate.lifetime,
        )
        return [self.standing[rid]]

    async def ending(self, rid: str) -> Ending:
        self._reachable()
        return ending(self.views.get(rid) or self.standing[rid], pins={AGENT.public.thumbprint})

    async def revoke(self, what: Ending, comment: str) -> RequestView:
        self._reachable()
        self.revoked.append((what.rid, what.rh, comment))
        if what.rid in self.views:
            return self.move(what.rid, State.ENDED, "ended", who=self.subject, end_cause="revoked")
        ended = msgspec.structs.replace(self.standing[what.rid], state=State.ENDED, end_cause="revoked")
        self.standing[what.rid] = ended
        return ended

    async def extend(self, rid: str, *, ttl: int, reason: str) -> RequestView:
        if self.refused_extension is not None:
            raise self.refused_extension
        self.extended.append((rid, ttl, reason))
        return self.move(rid, State.ACTIVE, "extended", not_after=NOW + ttl)

    def announce_sign_ins(self, announce: Announce) -> None:
        self.announce = announce

    async def sign_in(self) -> None:
        await self.browse("https://id.example/authorize?for=signing-in")
        self.come_back()

    async def browse(self, url: str) -> None:
        """As the launcher does when it needs the browser: until `signed_in` is set, or it is given up."""
        self.signed_in.clear()
        assert self.announce is not None
        await self.browser.during(self._browse(url))

    async def _browse(self, url: str) -> None:
        self.browser.announce_by(self.announce)  # type: ignore[arg-type]  # `browse` looked
        self.browser.announce(url)
        await self.signed_in.wait()

    def server_ahead(self) -> float:
        return self.ahead

    async def give_back(self, rid: str) -> RequestView:
        self.given_back.append(rid)
        return self.move(rid, State.ENDED, "ended", end_cause="relinquished")

    async def open(self, rid: str) -> Access:
        while self.views[rid].state is not State.ACTIVE:
            if self.views[rid].state.final:
                raise P0Error(f"{rid} is {self.views[rid].state}", code="over")
            self._changed.clear()
            await self._changed.wait()
        return Access(
            rid=rid,
            rh="h" * 43,
            agent=AGENT.public.thumbprint,
            database="mydatabase",
            one_shot=False,
            files=(False,),
            host="127.0.0.1",
            port=5432,
            user="p0_login",
            password=Secret("hidden"),
            sslmode="disable",
            channel_binding="disable",
            sslrootcert=None,
            not_after=NOW + 2472,
        )

    async def psql(self, access: Access, *, statement: bool) -> Launch:
        self.ran.append((access.rid, statement))
        program = Path(self.psql_program[0])
        return Launch(program=program, arguments=self.psql_program, environment=dict(os.environ), descriptors=())

    def command_line(self, draft: Draft) -> str:
        return LauncherBackend.command_line(self, draft)  # type: ignore[arg-type]  # it looks at the draft only

    async def close(self) -> None:
        return

    # --- the others

    def ask(
        self,
        draft: Draft,
        who: Subject,
        groups: Sequence[str],
        *,
        rid: str | None = None,
        break_glass: bool = False,
    ) -> RequestView:
        """`who` asks, and the agent admits it at once."""
        rid = rid or f"r-8f21{len(self.views) + 1:04d}"
        decision = self.route(draft, who, groups, break_glass=break_glass)
        request = Request(
            aud=f"p0-agent:{AGENT.public.thumbprint}",
            idh="i" * 43,
            fresh=None,
            iat=NOW - 60,
            exp=NOW + 86_400,
            jti="j" * 22,
            rid=rid,
            database=draft.database,
            what=What(statement=(draft.sql,)),
            reason=draft.reason,
            ttl=draft.ttl,
            one_shot=False,
            break_glass=break_glass,
            extends=None,
            enc=OpeningKey(b"o" * 32).public,
        )
        compact = jws.sign(request, PERSON)
        mine = who == self.subject
        view = RequestView(
            rid=rid,
            database=draft.database,
            state=State.SUBMITTED,
            end_cause=None,
            requestor=who,
            reason=draft.reason,
            summary=" ".join(draft.sql.split()),
            created=NOW - 60 + len(self.views),
            updated=NOW - 60,
            ttl=draft.ttl,
            not_after=None,
            login=None,
            progress=(),
            code=None,
            message=None,
            hint=None,
            mine=mine,
            reviewable=not mine and isinstance(decision, NeedsApproval),
            request=compact,
            admission=None,
            refusal=None,
            approvals=(),
            credential=None,
            deletion=None,
            decision=decision,
            agent=AgentView(thumbprint=AGENT.public.thumbprint, jwk=AGENT.public),
            events=(),
        )
        self.views[rid] = view
        self.move(rid, State.SUBMITTED, "submitted", who=who)
        if not self.agent_online:
            return self.views[rid]
        return self.admit(rid, who, groups)

    def admit(self, rid: str, who: Subject, groups: Sequence[str], *, ttl: int | None = None) -> RequestView:
        """The agent admits, or admits anew with another `ttl`, as after a change of its rules."""
        view = self.views[rid]
        decision = view.decision
        assert decision is not None
        if ttl is not None:
            assert not isinstance(decision, Denied)
            decision = msgspec.structs.replace(decision, ttl=ttl)
        statements = read(jws.unverified_record(view.request, Request).what.statement[0], self.catalog_now)  # type: ignore[index]  # it asks for SQL
        reached = {
            item for statement in statements if isinstance(statement, StatementReading) for item in statement.reached
        }
        admission = Admission(
            rh=jws.record_hash(view.request),
            subject=who,
            groups=tuple(groups),
            permissions=tuple(item.permission for item in decision.trace if not item.reached),
            reached=tuple(sorted(reached, key=str)),
            objects=(),
            rules=AdmissionRules(sha256=sha256_b64u(b"rules"), decision=decision),
            warnings=(),
            iat=NOW,
            exp=NOW + 86_400,
        )
        self.views[rid] = msgspec.structs.replace(view, admission=jws.sign(admission, AGENT))
        self.move(rid, State.SUBMITTED, "admitted")
        match decision:
            case Denied(reasons=reasons):
                return self.move(rid, State.DENIED, "denied", message=reasons[0], hint="Ask for less.")
            case NeedsApproval(requirements=requirements):
                progress = tuple(
                    Progress(rule=item.rule, count=item.count, by=(), who=named(item.approvers))
                    for item in requirements
                )
                self.views[rid] = msgspec.structs.replace(self.views[rid], progress=progress, state=State.PENDING)
                return self.views[rid]
            case _:
                return self.move(rid, State.APPROVED, "approved")

    def activate(self, rid: str) -> RequestView:
        """The agent has made the login, and the launcher could open it; of an emergency, a review is open."""
        emergency = getattr(self.views[rid].decision, "emergency", None)
        due = {} if emergency is None else {"review_due": NOW + emergency.review_within}
        self.move(rid, State.PROVISIONING, "provisioning")
        return self.move(rid, State.ACTIVE, "active", not_after=NOW + 2472, login="p0_dana_x1", **due)

    def move(
        self,
        rid: str,
        state: State,
        type_: Any,
        *,
        who: Subject | None = None,
        data: dict[str, Any] | None = None,
        **changes: Any,
    ) -> RequestView:
        """An event, and the request as it is after it."""
        self._seq += 1
        actor = who.email if who else None
        event = Event(seq=self._seq, rid=rid, at=NOW - 30, type=type_, state=state, actor=actor, data=data or {})
        view = self.views[rid]
        view = msgspec.structs.replace(
            view, state=state, events=(*view.events, event), updated=view.updated + 1, **changes
        )
        self.views[rid] = view
        for listener in self._listeners:
            listener.put_nowait(event)
        self._changed.set()
        return view

    def go_offline(self) -> None:
        self.problem = UnavailableError(
            "the server at http://127.0.0.1:8400 does not answer", code="server_unavailable", hint="Does it run?"
        )
        self._hang_up()

    def sign_out(self) -> None:
        self.problem = NotSignedInError("your sign-in has expired", code="session_expired")
        self._hang_up()

    def come_back(self) -> None:
        self.problem = None

    def route(self, draft: Draft, who: Subject, groups: Sequence[str], *, break_glass: bool = False) -> Decision:
        found = [item for item in read(draft.sql, self.catalog_now) if isinstance(item, StatementReading)]
        question = ask(
            self.rules,
            self.catalog_now,
            requestor=Requestor(iss=who.iss, sub=who.sub, email=who.email, groups=tuple(groups)),
            kind="statement",
            granted=[permission for item in found for permission in item.permissions],
            reached=[permission for item in found for permission in item.reached],
            ttl=draft.ttl,
            reason=draft.reason,
            break_glass=break_glass,
            at=datetime.fromtimestamp(NOW, UTC),
        )
        return route(self.rules, question)

    def _reachable(self) -> None:
        if self.problem is not None:
            raise self.problem

    def _hang_up(self) -> None:
        for listener in self._listeners:
            listener.put_nowait(None)


@pytest.fixture
def world() -> World:
    return World()


def make_app(world: World, state: Path | None = None, *, kind: type[P0App] = P0App) -> P0App:
    """The application over `world`, without animations."""
    app = kind(world, clock=lambda: NOW, state=state)
    app.animation_level = "none"
    return app


@asynccontextmanager
async def running(
    world: World,
    size: tuple[int, int] = (120, 36),
    *,
    state: Path | None = None,
    kind: type[P0App] = P0App,
    toasts: bool = True,
) -> AsyncIterator[Pilot[None]]:
    """The application on a screen of `size`, connected, with the catalog there."""
    async with make_app(world, state, kind=kind).run_test(size=size, notifications=toasts) as pilot:
        await shows(pilot, "live ✓")
        await until(pilot, lambda: pilot.app.screen.query_one(CatalogTree).line_count() > 1, "the catalog")
        yield pilot


@asynccontextmanager
async def at_the_screen(stage: Stage, person: User) -> AsyncIterator[Pilot[None]]:
    """Over the real launcher, signed in as `person`, connected, with the catalog there."""
    # The stage's agent is in this process and starts a child while the application has replaced sys.stderr, whose
    # file number multiprocessing would hand on.
    resource_tracker.ensure_running()
    profile = load_profile(environ=stage.environment(person))
    app = P0App(LauncherBackend(profile), clock=time.time, state=None)
    app.animation_level = "none"
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await shows(pilot, "live ✓", "agent ✓")
        await until(pilot, lambda: app.screen.query_one(CatalogTree).line_count() > 5, "the catalog")
        yield pilot


def fill(pilot: Pilot[None], text: str) -> None:
    """What the input that has the focus holds, at once: keys that only spell a path take seconds."""
    focused = pilot.app.focused
    assert isinstance(focused, Input)
    focused.value = text


async def until(pilot: Pilot[None], condition: Callable[[], object], what: str) -> None:
    """Lets the application run until `condition`, which must come true before the deadline."""
    limit = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > limit:
            raise AssertionError(f"not within {DEADLINE} s: {what}\n{screen_text(pilot)}")
        await pilot.pause(0.01)


async def shows(pilot: Pilot[None], *texts: str) -> None:
    """Waits until every one of `texts` stands on the screen, on one line or wrapped within one pane."""

    def there() -> bool:
        screen = pilot.app.screen
        proses = [_flat(str(prose.visual)) for prose in screen.query(Prose) if prose.is_on_screen and _displayed(prose)]
        toasts = [_flat(str(toast.render())) for toast in screen.query(Toast)]
        shown = [_flat(line) for line in screen_text(pilot).splitlines()]
        return all(any(text in each for each in (*shown, *proses, *toasts)) for text in texts)

    await until(pilot, there, f"shows {texts}")


def _displayed(widget: Widget) -> bool:
    return all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))


def _flat(text: str) -> str:
    return " ".join(re.sub(r"[│┃]", " ", text).split())


def strips(pilot: Pilot[None]) -> list[Strip]:
    """The lines on the screen, as they would be drawn. Textual has no public way to them but a picture."""
    return pilot.app.screen._compositor.render_strips()


def screen_text(pilot: Pilot[None]) -> str:
    """What stands on the screen, without styles."""
    return "\n".join(strip.text.rstrip() for strip in strips(pilot))
