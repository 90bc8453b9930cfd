"""Where the line is between a credential, or an admission, that holds and one that does not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fix_launcher import BY_PRIVACY, DATABASE, PERMISSIONS, Machine, Peer
from p0_access.errors import P0Error
from p0_access.messages.records import Credential, LogHead, Request, What
from p0_access.messages.views import AgentView, RequestView
from p0_access.proof import jws
from p0_access.proof.keys import SigningKey
from p0_access.proof.sealing import seal
from p0_access.routing.decision import Approvers, NeedsApproval, Requirement, StepUp
from p0_access.secret import Secret
from p0_launcher.access import Access, open_credential, pinned_key, reuse_key
from p0_launcher.intent import Intent
from p0_launcher.review import as_signed, decide, review
from p0_launcher.wallet import Awaited, Held, Seen

INTENT = Intent(database=DATABASE, what=What(statement=("select 1",)), reason="r", files=(True,))
OTHER = SigningKey(b"\x02" * 32)


class Given:
    """What dana's launcher got for a request of hers, and what she keeps of it."""

    def __init__(self, peer: Peer, view: RequestView, awaited: Awaited, pins: frozenset[str]) -> None:
        self.peer = peer
        self.view = view
        self.awaited = awaited
        self.pins = pins

    def with_credential(self, **changes: Any) -> RequestView:
        credential = jws.unverified_record(self.view.credential or "", Credential)
        signed = jws.sign(msgspec.structs.replace(credential, **changes), self.peer.agent)
        return msgspec.structs.replace(self.view, credential=signed)

    def leading_to(self, **changes: Any) -> RequestView:
        login = msgspec.structs.replace(self.peer.plaintext, **changes)
        enc, aud = jws.unverified_record(self.view.request, Request).enc, self.peer.audience
        return self.with_credential(ct=seal(login, enc, rh=self.awaited.rh, aud=aud))

    def opened(self, view: RequestView | None = None, **changes: Any) -> Held:
        given: dict[str, Any] = {"one_shot": False, "pins": self.pins, "now": int(self.peer.clock())}
        return open_credential(view or self.view, self.awaited, **given | changes)

    def code(self, view: RequestView | None = None, **changes: Any) -> str | None:
        try:
            self.opened(view, **changes)
        except P0Error as error:
            return error.code
        return None


@pytest.fixture
async def given(dana: Machine, peer: Peer) -> Given:
    view = await (await dana.workflow()).submit(INTENT)
    (awaited,) = (await dana.wallet.read()).awaited.values()
    return Given(peer, view, awaited, dana.pins)


def test_all_that_is_kept_of_an_access(given: Given) -> None:
    view = given.leading_to(sslrootcert="a CA")
    held, login = given.opened(view, one_shot=True), msgspec.structs.replace(given.peer.plaintext, sslrootcert="a CA")
    credential = jws.unverified_record(view.credential or "", Credential)
    assert held == Held(
        rid=given.view.rid,
        rh=jws.record_hash(given.view.request),
        key=reuse_key(DATABASE, INTENT.what),
        agent=given.peer.agent.public.thumbprint,
        database=DATABASE,
        one_shot=True,
        files=(True,),
        credential=login,
        seen=Seen(head=credential.log, at=credential.iat),
    )
    assert Access.of(held) == Access(
        rid=held.rid, rh=held.rh, agent=held.agent, database=DATABASE, one_shot=True, files=(True,), host=login.host,
        port=login.port, user=login.user, password=Secret(login.password), sslmode=login.sslmode,
        channel_binding=login.channel_binding, sslrootcert=login.sslrootcert, not_after=login.not_after,
    )  # fmt: skip
    assert reuse_key(DATABASE, INTENT.what) != reuse_key("another", INTENT.what)
    assert reuse_key(DATABASE, INTENT.what) != reuse_key(DATABASE, What(statement=("select 2",)))


def test_a_login_ends_with_its_second(given: Given) -> None:
    now = int(given.peer.clock())
    assert given.code(given.with_credential(exp=now + 1)) is None
    assert given.code(given.with_credential(exp=now)) == "credential_ended"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"host": "db.example", "sslmode": "verify-full"}, None),
        ({"host": "db.example", "sslmode": "disable"}, "credential_insecure"),
        ({"host": "127.0.0.1", "sslmode": "verify-full"}, None),
        ({"host": "::1", "sslmode": "disable"}, None),
        ({"host": "localhost", "sslmode": "disable"}, None),
        ({"host": "localhost.example", "sslmode": "disable"}, "credential_insecure"),
        ({"host": "x" * 256, "sslmode": "verify-full"}, "credential_host"),
        ({"host": "db.example\n", "sslmode": "verify-full"}, "credential_host"),
    ],
)
def test_only_this_machine_is_reached_without_tls(given: Given, changes: dict[str, Any], code: str | None) -> None:
    assert given.code(given.leading_to(**changes)) == code


@pytest.mark.parametrize(
    ("n", "h", "at", "code"),
    [
        (1, "h", 0, None),  # nothing has happened since
        (1, "h", -1, None),
        (1, "x", 0, "evidence_fork"),
        (0, "x", -1, None),
        (2, "x", 0, None),  # of two in one second, either may be opened first
        (2, "x", -1, "evidence_fork"),
    ],
)
def test_evidence_never_goes_back(given: Given, n: int, h: str, at: int, code: str | None) -> None:
    """The credential is of entry 1; entry `n` is known from another that was signed `at` seconds after it."""
    signed = jws.unverified_record(given.view.credential or "", Credential).iat
    seen = Seen(head=LogHead(n=n, h=h * 43), at=signed + at)
    assert given.code(seen=seen) == code
    if code is not None:
        with pytest.raises(P0Error) as caught:
            given.opened(seen=seen)
        assert f"p0 audit forget {given.awaited.agent}" in (caught.value.hint or "")


def test_the_agent_that_was_asked_answers(given: Given) -> None:
    both = frozenset({*given.pins, OTHER.public.thumbprint})
    shown = msgspec.structs.replace(given.view, agent=AgentView(thumbprint=OTHER.public.thumbprint, jwk=OTHER.public))
    assert given.code(shown, pins=both) == "credential_agent"
    with pytest.raises(P0Error, match=OTHER.public.thumbprint):
        pinned_key(shown.agent, given.pins)


async def test_an_admission_ends_with_its_second(dana: Machine, grace: Machine, peer: Peer) -> None:
    peer.decision = BY_PRIVACY
    view = await (await dana.workflow()).submit(INTENT)
    until = int(peer.clock()) + 86_400
    assert review(view, pins=grace.pins, now=until - 1).rid == view.rid
    with pytest.raises(P0Error) as caught:
        review(view, pins=grace.pins, now=until)
    assert caught.value.code == "admission_ended"


async def test_what_is_the_servers_word_alone_is_not_shown(dana: Machine, grace: Machine, peer: Peer) -> None:
    peer.decision = BY_PRIVACY
    view = await (await dana.workflow()).submit(INTENT)
    lied = msgspec.structs.replace(
        view, kind="allow", database="other", reason="a lie", login="x", message="x", hint="x", struck=("x",),
        requestor=msgspec.structs.replace(view.requestor, sub="x"),
    )  # fmt: skip
    admission = review(view, pins=grace.pins, now=int(peer.clock())).admission
    shown = as_signed(lied, admission)
    assert shown == msgspec.structs.replace(view, requestor=admission.subject)
    assert (shown.login, shown.message, shown.hint, shown.struck) == (None, None, None, ())


@pytest.mark.parametrize("group", ["privacy", "another, which only the agent knows her to be in"])
async def test_an_approver_signs_in_as_the_admission_demands(
    dana: Machine, grace: Machine, peer: Peer, group: str
) -> None:
    demand = StepUp(amr=("hwk",))
    (asked,) = BY_PRIVACY.requirements
    asked = msgspec.structs.replace(asked, approvers=Approvers(groups=(group,)))
    peer.demanding = True
    peer.decision = NeedsApproval(
        ttl=600, requirements=(Requirement(**msgspec.structs.asdict(asked) | {"step_up": demand}),), trace=()
    )
    view = await (await dana.workflow()).submit(INTENT)
    reviewed = review(view, pins=grace.pins, now=int(peer.clock()))
    async with await grace.api() as api:
        assert (await decide(api, await grace.session(), reviewed, "approve")).state.value == "approved"
    assert grace.signed_in_for == [(demand,)]
    assert reviewed.admission.permissions == PERMISSIONS
