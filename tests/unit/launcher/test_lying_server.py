"""A server that lies: what it can swap, forge or replay is noticed before a password is used or a decision signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from fix_launcher import AUTOMATIC, BY_PRIVACY, DATABASE, DENIED, PERMISSIONS, Machine, Peer
from p0_access.errors import P0Error
from p0_access.messages.records import Admission, Approval, Credential, Request, Subject, What
from p0_access.messages.views import AgentView, CatalogView, RequestView, State
from p0_access.permissions.reading import Refused
from p0_access.proof import jws
from p0_access.proof.keys import SigningKey
from p0_access.proof.sealing import OpeningKey, seal
from p0_launcher.catalogs import matching, newest_catalog, verified_catalog
from p0_launcher.commands import asking
from p0_launcher.commands.asking import by_name
from p0_launcher.ending import ending
from p0_launcher.errors import UnverifiedError, UsageError, exit_code_of
from p0_launcher.intent import Intent
from p0_launcher.render import request_lines
from p0_launcher.restating import ending_lines
from p0_launcher.review import Unanswered, admitted, as_signed, decide, review
from p0_launcher.storage.file_store import FileStore
from p0_launcher.wallet import Contents, Wallet

INTENT = Intent(database=DATABASE, what=What(statement=("select 1",)), reason="r")
STRANGER = SigningKey(b"\x02" * 32)
AS_STRANGER = AgentView(thumbprint=STRANGER.public.thumbprint, jwk=STRANGER.public)


def resigned(view: RequestView, key: SigningKey, **changes: Any) -> RequestView:
    credential = jws.unverified_record(view.credential or "", Credential)
    return msgspec.structs.replace(view, credential=jws.sign(msgspec.structs.replace(credential, **changes), key))


def sealed_to_another(view: RequestView, peer: Peer) -> RequestView:
    rh = jws.record_hash(view.request)
    ct = seal(peer.plaintext, OpeningKey(b"\x05" * 32).public, rh=rh, aud=peer.audience)
    return resigned(view, peer.agent, ct=ct)


LIES: dict[str, tuple[Callable[[RequestView, Peer], RequestView], str]] = {
    "another agent's key": (lambda view, _: msgspec.structs.replace(view, agent=AS_STRANGER), "agent_unpinned"),
    "another key under the agent's name": (
        lambda view, peer: msgspec.structs.replace(
            view, agent=AgentView(thumbprint=peer.agent.public.thumbprint, jwk=STRANGER.public)
        ),
        "agent_unpinned",
    ),
    "signed by another": (lambda view, _: resigned(view, STRANGER), "record_key"),
    "no credential": (lambda view, _: msgspec.structs.replace(view, credential=None), "credential_missing"),
    "for another request": (lambda view, peer: resigned(view, peer.agent, rh="x" * 43), "credential_request"),
    "under another id": (lambda view, peer: resigned(view, peer.agent, rid="r-other"), "credential_request"),
    "ended": (lambda view, peer: resigned(view, peer.agent, exp=1), "credential_ended"),
    "sealed to another": (sealed_to_another, "credential_unopenable"),
    "the admission in its place": (
        lambda view, _: msgspec.structs.replace(view, credential=view.admission),
        "record_type",
    ),
}


@pytest.mark.parametrize("name", LIES)
async def test_a_false_credential_is_never_used(dana: Machine, peer: Peer, name: str) -> None:
    lie, code = LIES[name]
    peer.lies = lambda view: lie(view, peer) if view.credential else view
    with pytest.raises(P0Error) as caught:
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert caught.value.code == code
    assert exit_code_of(caught.value) in {70, 78}
    assert (await dana.wallet.read()).held == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"dbname": "postgres"}, "credential_database"),
        ({"host": "db.example"}, "credential_insecure"),
        ({"host": "a,b", "sslmode": "verify-full"}, "credential_host"),
        ({"host": "/tmp", "sslmode": "verify-full"}, "credential_host"),
        ({"host": "", "sslmode": "verify-full"}, "credential_host"),
    ],
)
async def test_a_credential_that_leads_elsewhere_or_in_the_open_is_refused(
    dana: Machine, peer: Peer, changes: dict[str, Any], code: str
) -> None:
    peer.plaintext = msgspec.structs.replace(peer.plaintext, **changes)
    with pytest.raises(P0Error) as caught:
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert caught.value.code == code


async def test_an_agent_that_is_not_pinned_is_never_asked(dana: Machine, peer: Peer) -> None:
    dana.pins = frozenset()
    with pytest.raises(P0Error) as caught:
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert (caught.value.code, exit_code_of(caught.value)) == ("agent_unpinned", 78)
    assert peer.agent.public.thumbprint in (caught.value.hint or "")
    assert peer.views == {}


async def pending(dana: Machine, peer: Peer) -> RequestView:
    peer.decision = BY_PRIVACY
    return await (await dana.workflow()).submit(INTENT)


def with_request(view: RequestView, **changes: Any) -> RequestView:
    """The request as another session key would have signed it."""
    request = jws.unverified_record(view.request, Request)
    return msgspec.structs.replace(view, request=jws.sign(msgspec.structs.replace(request, **changes), STRANGER))


def with_admission(view: RequestView, key: SigningKey, **changes: Any) -> RequestView:
    admission = jws.unverified_record(view.admission or "", Admission)
    signed = jws.sign(msgspec.structs.replace(admission, **changes), key)
    return msgspec.structs.replace(view, admission=signed)


REVIEW_LIES: dict[str, tuple[Callable[[RequestView, Peer], RequestView], str]] = {
    "other SQL": (
        lambda view, _: with_request(view, what=What(statement=("select 2",))),
        "admission_request",
    ),
    "another agent": (lambda view, _: msgspec.structs.replace(view, agent=AS_STRANGER), "agent_unpinned"),
    "an admission of its own": (lambda view, _: with_admission(view, STRANGER, permissions=()), "record_key"),
    "no admission": (lambda view, _: msgspec.structs.replace(view, admission=None), "not_admitted"),
    "another id": (lambda view, _: msgspec.structs.replace(view, rid="r-another"), "admission_request"),
    "one that has lapsed": (lambda view, peer: with_admission(view, peer.agent, exp=1), "admission_ended"),
    "one that the rules deny": (
        lambda view, peer: with_admission(
            view, peer.agent, rules=msgspec.structs.replace(admission_of(view).rules, decision=DENIED)
        ),
        "denied_by_rules",
    ),
    "one that needs nobody": (
        lambda view, peer: with_admission(
            view, peer.agent, rules=msgspec.structs.replace(admission_of(view).rules, decision=AUTOMATIC)
        ),
        "automatic",
    ),
}


def admission_of(view: RequestView) -> Admission:
    return jws.unverified_record(view.admission or "", Admission)


@pytest.mark.parametrize("name", REVIEW_LIES)
async def test_what_is_not_proven_cannot_be_reviewed(dana: Machine, peer: Peer, name: str) -> None:
    view = await pending(dana, peer)
    lie, code = REVIEW_LIES[name]
    with pytest.raises(P0Error) as caught:
        review(lie(view, peer), pins=dana.pins, now=int(peer.clock()))
    assert caught.value.code == code


async def test_who_reviews_an_emergency_reads_what_was_signed(dana: Machine, peer: Peer) -> None:
    view = await (await dana.workflow()).submit(msgspec.structs.replace(INTENT, break_glass=True))
    told = admitted(view, pins=dana.pins).record
    lie = msgspec.structs.replace(
        view,
        database="another",
        reason="nothing",
        requestor=Subject(iss="https://id.example", sub="eve", email=None),
        login="x",
    )
    assert request_lines(as_signed(lie, told)) == request_lines(as_signed(view, told))
    with pytest.raises(P0Error) as caught:
        as_signed(msgspec.structs.replace(view, rid="r-another"), told)
    assert caught.value.code == "admission_request"


@pytest.mark.parametrize("act", ["give_back", "ending"])
async def test_nothing_else_is_ended_than_what_was_named(dana: Machine, peer: Peer, act: str) -> None:
    workflow = await dana.workflow()
    named = await workflow.submit(INTENT)
    other = await workflow.submit(INTENT)
    peer.lies = lambda view: msgspec.structs.replace(other, rid=view.rid)
    acts = len(peer.acts)
    with pytest.raises(P0Error) as caught:
        await getattr(workflow, act)(named.rid)
    assert (caught.value.code, len(peer.acts)) == ("request_mismatch", acts)
    with pytest.raises(P0Error) as caught:
        ending(peer.lies(named), pins=dana.pins)
    assert caught.value.code == "request_mismatch"


ENDING_LIES: dict[str, tuple[Callable[[RequestView, Peer], RequestView], str]] = {
    name: REVIEW_LIES[name] for name in ("other SQL", "another agent", "an admission of its own")
} | {
    "as an allowance": (lambda view, _: msgspec.structs.replace(view, kind="allow"), "record_type"),
    "for another agent": (lambda view, _: with_request(view, aud="p0-agent:" + "x" * 43), "request_mismatch"),
}


@pytest.mark.parametrize("name", ENDING_LIES)
async def test_what_is_not_proven_is_not_ended(dana: Machine, peer: Peer, name: str) -> None:
    lie, code = ENDING_LIES[name]
    view = await pending(dana, peer)
    peer.lies = lambda view: lie(view, peer)
    with pytest.raises(P0Error) as caught:
        await (await dana.workflow()).ending(view.rid)
    assert caught.value.code == code


async def test_what_is_told_of_an_end_is_what_was_signed(dana: Machine, peer: Peer) -> None:
    view = await pending(dana, peer)
    lie = msgspec.structs.replace(
        view,
        database="another",
        reason="nothing",
        summary="delete from all_that_is",
        ttl=1,
        requestor=Subject(iss="https://id.example", sub="eve", email=None),
    )
    told = ending_lines(ending(view, pins=dana.pins))
    assert ending_lines(ending(lie, pins=dana.pins)) == told
    assert f"{view.rid} on {DATABASE}, of dana@corp.example" in told[0]
    assert "  select 1" in told
    unadmitted = ending_lines(ending(msgspec.structs.replace(lie, admission=None), pins=dana.pins))
    assert "is not verified" in unadmitted[0]
    assert "eve" not in "".join(unadmitted)


@pytest.mark.parametrize("rid", ["r-\x1b]0;title\x07", "r-another\nrequest", "../../v1/me", ""])
async def test_an_id_is_an_id(dana: Machine, peer: Peer, rid: str) -> None:
    view = await (await dana.workflow()).submit(INTENT)
    peer.lies = lambda view: msgspec.structs.replace(view, rid=rid)
    async with await dana.api() as api:
        with pytest.raises(P0Error):
            await api.request(view.rid)


async def test_a_decision_names_the_admission_that_was_read(dana: Machine, grace: Machine, peer: Peer) -> None:
    view = await pending(dana, peer)
    reviewed = review(view, pins=grace.pins, now=int(peer.clock()))
    assert (reviewed.requestor, reviewed.ttl) == ("dana@corp.example", 1800)
    api, session = await grace.api(), await grace.session()
    async with api:
        decided = await decide(api, session, reviewed, "approve", ttl=7200, comment="fine")
    assert decided.state is State.APPROVED


async def test_a_decision_can_narrow_but_never_widen(dana: Machine, grace: Machine, peer: Peer) -> None:
    view = await pending(dana, peer)
    reviewed = review(view, pins=grace.pins, now=int(peer.clock()))
    async with await grace.api() as api:
        session = await grace.session()
        await decide(api, session, reviewed, "approve", permissions=PERMISSIONS[:2], ttl=60)
        narrowed = msgspec.structs.replace(
            reviewed, admission=msgspec.structs.replace(reviewed.admission, permissions=PERMISSIONS[:1])
        )
        with pytest.raises(P0Error) as caught:
            await decide(api, session, narrowed, "approve", permissions=PERMISSIONS)
    assert caught.value.code == "approval_wider"
    approval = peer.acts[-1]
    assert isinstance(approval, Approval)
    assert (approval.ah, approval.permissions, approval.ttl) == (reviewed.ah, PERMISSIONS[:2], 60)


async def test_a_decision_that_only_the_agent_wants_a_sign_in_for_is_signed_again_with_one(
    dana: Machine, grace: Machine, peer: Peer
) -> None:
    """Another record: the agent's no to the first one stands, however often that comes."""
    view = await pending(dana, peer)
    reviewed = review(view, pins=grace.pins, now=int(peer.clock()))
    peer.demanding = True
    async with await grace.api() as api:
        decided = await decide(api, await grace.session(), reviewed, "approve")
    first, second = peer.acts[-2:]
    assert (decided.state, len(grace.signed_in_for)) == (State.APPROVED, 1)
    assert first.jti != second.jti


@pytest.mark.parametrize("online", [True, False])
async def test_a_decision_that_the_agent_does_not_answer_is_said_to_be_recorded(
    dana: Machine, grace: Machine, peer: Peer, *, online: bool
) -> None:
    view = await pending(dana, peer)
    reviewed = review(view, pins=grace.pins, now=int(peer.clock()))
    peer.deaf, peer.online = True, online
    told: list[Unanswered] = []
    calls = len(peer.calls)
    async with await grace.api() as api:
        decided = await decide(api, await grace.session(), reviewed, "approve", on_unanswered=told.append)
    assert decided.state is State.PENDING
    until = int(peer.clock()) + grace.person.token_seconds
    assert told == [Unanswered(rid=view.rid, online=online, until=until)]
    sent = [call for call in peer.calls[calls:] if call.startswith("POST")]
    assert len(sent) == (2 if online else 1), "who is away is not waited for"


async def test_a_decision_counts_although_nobody_says_whether_the_agent_is_there(
    dana: Machine, grace: Machine, peer: Peer
) -> None:
    view = await pending(dana, peer)
    reviewed = review(view, pins=grace.pins, now=int(peer.clock()))
    peer.deaf, peer.lists = True, False
    told: list[Unanswered] = []
    async with await grace.api() as api:
        decided = await decide(api, await grace.session(), reviewed, "approve", on_unanswered=told.append)
    assert (decided.state, [each.online for each in told]) == (State.PENDING, [True])


async def test_a_catalog_is_its_agents_word(dana: Machine, peer: Peer) -> None:
    async with await dana.api() as api:
        view = await api.catalog(DATABASE)
        assert await api.catalog(DATABASE, known_version="v1") is None
    assert view is not None
    catalog = verified_catalog(view, database=DATABASE, pins=dana.pins)
    assert [item.name for item in matching(catalog, "enterprise.m*")] == ["markets"]
    assert [item.name for item in matching(catalog, "RKET")] == ["markets"]
    assert len(matching(catalog, None)) == 2
    lies: list[tuple[CatalogView, str]] = [
        (msgspec.structs.replace(view, catalog=view.catalog.replace("bigint", "text")), "catalog_mismatch"),
        (msgspec.structs.replace(view, agent=AS_STRANGER), "agent_unpinned"),
        (msgspec.structs.replace(view, agent=None), "catalog_mismatch"),
    ]
    for lie, code in lies:
        with pytest.raises(P0Error) as caught:
            verified_catalog(lie, database=DATABASE, pins=dana.pins)
        assert caught.value.code == code
    with pytest.raises(P0Error, match="not the one"):
        verified_catalog(view, database="another", pins=dana.pins)


BY_NAME = msgspec.structs.replace(INTENT, what=What(statement=("select m.id from enterprise.markets m",)))


async def test_what_sql_needs_is_read_here_whatever_the_server_says(dana: Machine, peer: Peer) -> None:
    peer.refused_sql = Refused(index=0, text="", code="syntax_error", message="a lie", hint=None, line=1, column=1)
    needs = await (await dana.workflow()).needs(BY_NAME)
    assert not needs.by_server
    assert needs.what == What(grant=PERMISSIONS)
    assert "POST /v1/explain" not in peer.calls


async def test_a_catalog_that_the_agent_did_not_sign_is_not_read_with(dana: Machine, peer: Peer) -> None:
    peer.retouched = ('"name":"id"', '"name":"no"')
    with pytest.raises(P0Error) as caught:
        await (await dana.workflow()).needs(BY_NAME)
    assert caught.value.code == "catalog_mismatch"


async def test_an_older_catalog_is_refused_from_then_on(dana: Machine, peer: Peer) -> None:
    """As the agent signed it, before somebody took a column out of the reach of others, say."""
    async with await dana.api() as api:
        old = await api.catalog(DATABASE)
        peer.clock.now += 1
        new = await api.catalog(DATABASE)
    assert old is not None
    assert new is not None

    async def seen(view: CatalogView) -> int:
        wallet = dana.wallet_of_another_process()
        return len((await newest_catalog(view, database=DATABASE, pins=dana.pins, wallet=wallet)).relations)

    assert [await seen(each) for each in (old, new, new)] == [2, 2, 2]
    with pytest.raises(UnverifiedError) as caught:
        await seen(old)
    assert caught.value.code == "catalog_older"
    assert f"p0 audit forget {peer.agent.public.thumbprint}" in (caught.value.hint or "")
    peer.clock.now -= 1
    with pytest.raises(UnverifiedError) as caught:
        await (await dana.workflow()).needs(BY_NAME)
    assert caught.value.code == "catalog_older", "nothing is asked for by it"
    async with dana.wallet.changing() as draft:
        draft.contents = draft.contents.without_agent(peer.agent.public.thumbprint)
    assert await seen(old) == 2


async def test_who_saw_a_newer_one_meanwhile_is_not_taken_back(dana: Machine, peer: Peer) -> None:
    """Two at once: the one with the older catalog may be the last to note it."""
    async with await dana.api() as api:
        old = await api.catalog(DATABASE)
        peer.clock.now += 1
        new = await api.catalog(DATABASE)
    assert old is not None
    assert new is not None
    newer: CatalogView = new

    class Slow(Wallet):
        async def read(self) -> Contents:
            found = await super().read()
            await newest_catalog(newer, database=DATABASE, pins=dana.pins, wallet=dana.wallet_of_another_process())
            return found

    slow = Slow(FileStore(dana.directory), name="w", directory=dana.directory, clock=dana.clock)
    await newest_catalog(old, database=DATABASE, pins=dana.pins, wallet=slow)
    with pytest.raises(UnverifiedError) as caught:
        await newest_catalog(old, database=DATABASE, pins=dana.pins, wallet=dana.wallet)
    assert caught.value.code == "catalog_older"


async def test_without_a_catalog_it_is_the_servers_word_and_said_to_be(dana: Machine, peer: Peer) -> None:
    peer.published = False
    assert (await (await dana.workflow()).needs(BY_NAME)).by_server
    peer.refused_sql = Refused(index=0, text="", code="syntax_error", message="no", hint=None, line=1, column=1)
    with pytest.raises(P0Error) as caught:
        await (await dana.workflow()).needs(BY_NAME)
    assert caught.value.code == "syntax_error"


async def test_only_who_says_yes_takes_the_servers_word_for_what_sql_needs(
    dana: Machine, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the agent's catalog the server may name whatever it would like to have."""
    peer.published = False
    workflow = await dana.workflow()
    with pytest.raises(UsageError) as caught:
        await by_name(workflow, BY_NAME, yes=False)
    assert (caught.value.code, "--yes" in (caught.value.hint or "")) == ("server_reading", True)
    assert (await by_name(workflow, BY_NAME, yes=True)).what.kind == "grant"

    monkeypatch.setattr(asking, "interactive", lambda: True)
    for answer in ("y", "", "n"):
        monkeypatch.setattr(asking, "ask", lambda _, answer=answer: answer)
        if answer == "y":
            assert (await by_name(workflow, BY_NAME, yes=False)).what.kind == "grant"
            continue
        with pytest.raises(UsageError) as caught:
            await by_name(workflow, BY_NAME, yes=False)
        assert caught.value.code == "server_reading"
    peer.published = True
    assert (await by_name(workflow, BY_NAME, yes=False)).what == What(grant=PERMISSIONS), "the agent's needs no yes"
