"""The life of a request from its requestor's side: what is asked, waited for, collected, kept, and told."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from fix_launcher import BY_PRIVACY, DATABASE, DENIED, NO_SIGN_IN, PASSWORD, Clock, Machine, Peer
from p0_access.errors import ReadingError
from p0_access.messages.identity import SignedAct
from p0_access.messages.records import Request, What
from p0_access.messages.views import RequestView, State
from p0_access.permissions.permission import Kind
from p0_access.permissions.reading import Refused
from p0_access.proof import jws
from p0_access.routing.decision import StepUp
from p0_access.secret import Secret
from p0_launcher.api import Api
from p0_launcher.errors import (
    DeniedError,
    LauncherError,
    NotSignedInError,
    SqlRefusedError,
    StepUpRequiredError,
    StillPendingError,
    UnavailableError,
    UnverifiedError,
    UsageError,
)
from p0_launcher.intent import Intent
from p0_launcher.progress import Changed, Progress, Retrying, Reused, Submitted
from p0_launcher.stepping_up import handed_in, nobody_signs_in

SQL = "select id from enterprise.markets"
INTENT = Intent(database=DATABASE, what=What(statement=(SQL,)), reason="Generating reports")


def asked(peer: Peer) -> Request:
    (view,) = peer.views.values()
    return jws.unverified_record(view.request, Request)


async def test_an_automatic_request_takes_one_round_trip_after_the_preview(dana: Machine, peer: Peer) -> None:
    seen: list[Progress] = []
    access = await (await dana.workflow()).obtain(INTENT, patience=5, on_progress=seen.append)
    assert (access.user, access.password, access.database) == ("p0_dana_1", Secret(PASSWORD), DATABASE)
    assert access.not_after == peer.plaintext.not_after
    assert peer.calls == ["GET /v1/databases", "POST /v1/explain", "POST /v1/requests"]
    assert [type(one) for one in seen] == [Submitted]
    request = asked(peer)
    assert request.rid == access.rid
    assert (request.what, request.reason, request.ttl) == (INTENT.what, INTENT.reason, None)
    assert (request.break_glass, request.extends, request.one_shot) == (False, None, None)


async def test_the_same_again_uses_the_access_that_is_active(dana: Machine, peer: Peer) -> None:
    first = await (await dana.workflow()).obtain(INTENT, patience=5)
    seen: list[Progress] = []
    again = await (await dana.workflow()).obtain(INTENT, patience=5, on_progress=seen.append)
    assert again == first
    assert [type(one) for one in seen] == [Reused]
    assert len(peer.views) == 1


@pytest.mark.parametrize(
    "other",
    [
        msgspec.structs.replace(INTENT, what=What(statement=(SQL + " ",))),
        msgspec.structs.replace(INTENT, what=What(statement=(SQL,), search_path=("enterprise",))),
        msgspec.structs.replace(INTENT, one_shot=True),
    ],
    ids=["other SQL", "other search path", "one-shot"],
)
async def test_anything_else_is_a_new_request(dana: Machine, peer: Peer, other: Intent) -> None:
    workflow = await dana.workflow()
    await workflow.obtain(INTENT, patience=5)
    await workflow.obtain(other, patience=5)
    assert len(peer.views) == 2


async def test_an_access_that_was_ended_meanwhile_is_not_used_again(dana: Machine, peer: Peer) -> None:
    workflow = await dana.workflow()
    first = await workflow.obtain(INTENT, patience=5)
    peer.move(first.rid, State.ENDED, end_cause="revoked")
    assert (await workflow.obtain(INTENT, patience=5)).rid != first.rid


async def test_nor_one_whose_time_is_up(dana: Machine, peer: Peer, clock: Clock) -> None:
    first = await (await dana.workflow()).obtain(INTENT, patience=5)
    clock.now = peer.plaintext.not_after
    assert (await dana.wallet.read()).held == {}
    assert first.rid in peer.views


async def test_without_the_server_an_active_access_still_serves(dana: Machine, peer: Peer) -> None:
    workflow = await dana.workflow()
    first = await workflow.obtain(INTENT, patience=5)
    peer.down = True
    assert await workflow.obtain(INTENT, patience=5) == first


async def test_what_writes_is_for_one_use_unless_kept(dana: Machine, peer: Peer) -> None:
    peer.written = True
    access = await (await dana.workflow()).obtain(INTENT, patience=5)
    assert access.one_shot, "by the agent's admission, whatever the server says of the SQL"
    assert asked(peer).one_shot is None
    peer.views.clear()
    kept = await (await dana.workflow()).obtain(msgspec.structs.replace(INTENT, one_shot=False), patience=5)
    assert not kept.one_shot
    assert asked(peer).one_shot is False


async def test_an_access_for_one_use_is_not_used_again(dana: Machine, peer: Peer) -> None:
    peer.written = True
    await (await dana.workflow()).obtain(INTENT, patience=5)
    await (await dana.workflow()).obtain(INTENT, patience=5)
    assert len(peer.views) == 2


async def test_people_decide_then_the_waiting_launcher_collects(dana: Machine, peer: Peer) -> None:
    peer.decision = BY_PRIVACY
    peer.while_waiting = lambda: peer.move(asked(peer).rid, State.APPROVED)
    seen: list[Progress] = []
    access = await (await dana.workflow()).obtain(INTENT, patience=5, on_progress=seen.append)
    assert access.password == Secret(PASSWORD)
    assert [one.view.state for one in seen if isinstance(one, Submitted | Changed)] == ["pending", "approved", "active"]
    assert peer.calls.count(f"POST /v1/requests/{access.rid}/collect") == 1


async def test_still_pending_at_the_end_of_patience_then_resumed(dana: Machine, peer: Peer) -> None:
    peer.decision = BY_PRIVACY
    with pytest.raises(StillPendingError) as caught:
        await (await dana.workflow()).obtain(INTENT, patience=0)
    rid = asked(peer).rid
    assert caught.value.exit_code == 75
    assert caught.value.hint == f"The request lives on: p0 psql --resume {rid}"
    peer.move(rid, State.APPROVED)
    workflow = await dana.workflow()
    access = await workflow.resume(rid, patience=0)
    assert access.rid == rid
    assert await workflow.asked(access) == INTENT.what
    assert await workflow.resume(rid, patience=0) == access


async def test_an_agent_that_is_away_is_not_a_decision(dana: Machine, peer: Peer) -> None:
    peer.online = False
    seen: list[Progress] = []
    with pytest.raises(UnavailableError) as caught:
        await (await dana.workflow()).obtain(INTENT, patience=0, on_progress=seen.append)
    assert caught.value.code == "agent_unavailable"
    assert [one.agent_online for one in seen if isinstance(one, Submitted)] == [False]


async def test_a_server_that_restarts_is_waited_for(dana: Machine, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p0_launcher.submission.RETRY_SECONDS", (0.0,))
    peer.decision = BY_PRIVACY
    seen: list[Progress] = []

    def restart(progress: Progress) -> None:
        seen.append(progress)
        if isinstance(progress, Submitted):
            peer.down = True
        elif isinstance(progress, Retrying):
            peer.down = False
            peer.move(asked(peer).rid, State.APPROVED)

    await (await dana.workflow()).obtain(INTENT, patience=30, on_progress=restart)
    assert [type(one) for one in seen] == [Submitted, Retrying, Changed, Changed]


async def test_a_server_that_goes_away_while_it_takes_the_request_gets_it_again(
    dana: Machine, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p0_launcher.submission.RETRY_SECONDS", (0.0,))
    peer.lost_answers = 2
    seen: list[Progress] = []
    access = await (await dana.workflow()).obtain(INTENT, patience=30, on_progress=seen.append)
    assert [type(one) for one in seen] == [Retrying, Retrying, Submitted]
    assert list(peer.views) == [access.rid]
    peer.lost_answers = 1
    with pytest.raises(UnavailableError) as caught:
        await (await dana.workflow()).submit(INTENT)
    assert "p0 show r-" in (caught.value.hint or "")
    assert len((await dana.wallet.read()).awaited) == 1


async def test_a_server_that_is_down_is_an_error_that_names_it(dana: Machine, peer: Peer) -> None:
    peer.down = True
    with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:8400 does not answer") as caught:
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert caught.value.exit_code == 69


async def test_a_database_that_does_not_exist_suggests_one(dana: Machine, peer: Peer) -> None:
    with pytest.raises(UsageError) as caught:
        await (await dana.workflow()).obtain(msgspec.structs.replace(INTENT, database="mydatabas"), patience=5)
    assert (caught.value.exit_code, caught.value.hint) == (64, "Did you mean 'mydatabase'?")
    assert peer.views == {}


async def test_sql_that_is_not_understood_is_never_signed(dana: Machine, peer: Peer) -> None:
    peer.refused_sql = Refused(
        index=0, text="x", code="unknown_relation", message="there is no markts", hint="markets?", line=1, column=15
    )
    with pytest.raises(ReadingError) as caught:
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert (caught.value.code, caught.value.column) == ("unknown_relation", 15)
    assert peer.views == {}


@pytest.mark.parametrize(
    ("step", "error", "status"), [(7, SqlRefusedError, 65), (11, DeniedError, 77)], ids=["reading", "ceiling"]
)
async def test_an_agent_that_refuses(
    dana: Machine, peer: Peer, step: int, error: type[LauncherError], status: int
) -> None:
    peer.refusal = (step, "some_code", "it will not")
    with pytest.raises(error, match="it will not") as caught:
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert (caught.value.code, caught.value.exit_code) == ("some_code", status)
    assert (await dana.wallet.read()).awaited == {}


@pytest.mark.parametrize(
    ("state", "changes", "error", "said"),
    [
        (State.DENIED, {"message": "Use the replica"}, DeniedError, "Use the replica"),
        (State.LAPSED, {}, DeniedError, "nobody decided in time"),
        (State.CANCELLED, {}, DeniedError, "cancelled"),
        (State.NEEDS_CHANGES, {}, DeniedError, "struck a permission"),
        (State.NEEDS_LOGIN, {}, NotSignedInError, "sign-in expired"),
        (State.ENDED, {"end_cause": "revoked"}, DeniedError, "has ended: revoked"),
        (State.ENDED, {"end_cause": "failed", "message": "no space"}, UnavailableError, "no space"),
    ],
)
async def test_every_other_end_is_told(
    dana: Machine, peer: Peer, state: State, changes: dict[str, str], error: type[LauncherError], said: str
) -> None:
    peer.decision = BY_PRIVACY
    peer.while_waiting = lambda: peer.move(asked(peer).rid, state, **changes)
    with pytest.raises(error, match=said):
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert (await dana.wallet.read()).awaited == {}


async def test_a_denial_by_the_rules(dana: Machine, peer: Peer) -> None:
    peer.decision = DENIED
    with pytest.raises(DeniedError, match=r"Use a migration\.") as caught:
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert caught.value.exit_code == 77


async def test_giving_back_ends_an_access_and_forgets_its_credential(dana: Machine, peer: Peer) -> None:
    workflow = await dana.workflow()
    access = await workflow.obtain(INTENT, patience=5)
    assert (await workflow.give_back(access.rid)).end_cause == "relinquished"
    assert (await dana.wallet.read()).held == {}
    with pytest.raises(UsageError, match="over already: relinquished"):
        await workflow.give_back(access.rid)


async def test_giving_back_what_is_not_decided_takes_it_back(dana: Machine, peer: Peer) -> None:
    peer.decision = BY_PRIVACY
    workflow = await dana.workflow()
    view = await workflow.submit(INTENT)
    assert (await workflow.give_back(view.rid)).state is State.CANCELLED
    assert (await dana.wallet.read()).awaited == {}


async def test_another_machine_cannot_open_it(dana: Machine, grace: Machine, peer: Peer) -> None:
    access = await (await dana.workflow()).obtain(INTENT, patience=5)
    with pytest.raises(UsageError, match="was not requested from here"):
        await (await grace.workflow()).resume(access.rid, patience=5)


async def test_a_grant_is_asked_for_without_a_preview(dana: Machine, peer: Peer) -> None:
    from p0_launcher.grants import parse_grants

    what = parse_grants(DATABASE, ['select, Insert on Enterprise."Odd Name"(id, "B")', "delete on a.b"])
    await (await dana.workflow()).obtain(msgspec.structs.replace(INTENT, what=what), patience=5)
    assert "POST /v1/explain" not in peer.calls
    granted = asked(peer).what.grant
    assert granted is not msgspec.UNSET
    assert {(p.kind, p.schema, p.object, p.column, p.privilege) for p in granted} == {
        (Kind.DATABASE, None, DATABASE, None, "CONNECT"),
        (Kind.SCHEMA, None, "enterprise", None, "USAGE"),
        (Kind.SCHEMA, None, "a", None, "USAGE"),
        (Kind.COLUMN, "enterprise", "Odd Name", "id", "SELECT"),
        (Kind.COLUMN, "enterprise", "Odd Name", "B", "SELECT"),
        (Kind.COLUMN, "enterprise", "Odd Name", "id", "INSERT"),
        (Kind.COLUMN, "enterprise", "Odd Name", "B", "INSERT"),
        (Kind.RELATION, "a", "b", None, "DELETE"),
    }


@pytest.mark.parametrize("spec", ["", "select", "select on a", "select on a.b.c", "grant on a.b", "delete on a.b(c)"])
def test_what_is_no_grant(spec: str) -> None:
    from p0_launcher.grants import parse_grants

    with pytest.raises(UsageError) as caught:
        parse_grants(DATABASE, [spec])
    assert caught.value.code == "grant_malformed"


async def test_an_act_that_needs_a_sign_in_is_handed_in_again_with_one(dana: Machine) -> None:
    """The same act: what was signed is what the sign-in is for."""
    session = await dana.session()
    act = (await session.signer()).sign_collect(agent="a" * 43, rh="r" * 43, ah="h" * 43)
    demands = (StepUp(amr=("hwk",)),)
    sent: list[SignedAct] = []

    async def send(given: SignedAct) -> str:
        sent.append(given)
        if given.identity.step_up is None:
            raise StepUpRequiredError("sign in", demands=demands)
        return "taken"

    async def sign_in_for(given: SignedAct, asked: Sequence[StepUp], /) -> SignedAct:
        assert tuple(asked) == demands
        return dana.person.stepping_up(given)

    assert await handed_in(send, act, sign_in_for) == "taken"
    assert [each.record for each in sent] == [act.record, act.record]
    with pytest.raises(UsageError) as caught:
        await handed_in(send, act, nobody_signs_in)
    assert caught.value.code == "step_up_required"


async def test_a_request_that_only_the_agent_wants_a_sign_in_for_is_made_again_with_one(
    dana: Machine, peer: Peer
) -> None:
    peer.demanding = True
    access = await (await dana.workflow()).obtain(INTENT, patience=5)
    assert dana.signed_in_for == [(StepUp(),)]
    refused, given = peer.views.values()
    assert (refused.state, given.state, given.rid) == (State.REFUSED, State.ACTIVE, access.rid)
    assert list((await dana.wallet.read()).awaited) == []


async def test_a_server_that_goes_away_after_a_sign_in_is_given_the_same_one_again(
    dana: Machine, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise one that only says so has somebody sign in again and again."""
    monkeypatch.setattr("p0_launcher.submission.RETRY_SECONDS", (0.0,))
    given: list[SignedAct] = []

    async def submit(api: Api, act: SignedAct, *, wait: int) -> RequestView:
        del api, wait
        given.append(act)
        if act.identity.step_up is None:
            raise StepUpRequiredError("sign in", demands=STRONG)
        if len(given) < 5:
            raise UnavailableError("not now", code="busy")
        raise StepUpRequiredError("and again", demands=STRONG)

    monkeypatch.setattr(Api, "submit", submit)
    with pytest.raises(UsageError, match="and again"):
        await (await dana.workflow()).obtain(INTENT, patience=30)
    assert dana.signed_in_for == [STRONG]
    assert (len({each.record for each in given}), peer.views) == (1, {})


STRONG = (StepUp(acr=("phr",)), StepUp(amr=("hwk",)))


@pytest.mark.parametrize("code", ["step_up_required", "step_up_acr", "step_up_amr"])
async def test_the_sign_in_is_as_strong_as_the_agents_signed_word_asks_for(
    dana: Machine, peer: Peer, code: str
) -> None:
    """Also where the server's own demand was weaker."""
    peer.demanding, peer.demands, peer.no_sign_in = True, STRONG, (8, code, "the sign-in")
    access = await (await dana.workflow()).obtain(INTENT, patience=5)
    assert (dana.signed_in_for, peer.views[access.rid].state) == ([STRONG], State.ACTIVE)


async def test_that_a_sign_in_was_too_weak_has_nobody_sign_in_again_without_the_agents_demand(
    dana: Machine, peer: Peer
) -> None:
    peer.demanding, peer.no_sign_in = True, (8, "step_up_acr", "the sign-in")
    with pytest.raises(DeniedError) as caught:
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert (caught.value.code, dana.signed_in_for) == ("step_up_acr", [])


async def test_so_is_one_whose_agent_was_away_at_first(dana: Machine, peer: Peer) -> None:
    peer.demanding, peer.online = True, False

    def back_again() -> None:
        peer.online = True
        (waiting,) = peer.views.values()
        peer.admit(waiting.rid, waiting.requestor, refusal=NO_SIGN_IN)

    peer.while_waiting = back_again
    access = await (await dana.workflow()).obtain(INTENT, patience=5)
    assert dana.signed_in_for == [(StepUp(),)]
    assert peer.views[access.rid].state is State.ACTIVE


async def test_whom_nobody_can_sign_in_is_told_so(dana: Machine, peer: Peer) -> None:
    peer.refusal = NO_SIGN_IN
    with pytest.raises(DeniedError) as caught:
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert (caught.value.code, len(dana.signed_in_for)) == ("step_up_required", 1), "asked once, not again and again"


async def test_a_server_cannot_have_anybody_sign_in_by_a_refusal_of_its_own(dana: Machine, peer: Peer) -> None:
    peer.lies = lambda view: msgspec.structs.replace(view, state=State.REFUSED, code="step_up_required", refusal=None)
    with pytest.raises(DeniedError):
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert dana.signed_in_for == []


@pytest.mark.parametrize("at_once", [True, False])
async def test_nor_by_a_refusal_of_another_request(dana: Machine, peer: Peer, *, at_once: bool) -> None:
    """The same would be asked for twice, and the key of what is still under way be forgotten."""
    peer.refusal = NO_SIGN_IN
    other = await (await dana.workflow()).submit(INTENT)
    other = peer.views[other.rid]
    dana.signed_in_for.clear()
    before = len(peer.views)
    peer.refusal, peer.online = None, False

    def lie() -> None:
        peer.lies = lambda view: msgspec.structs.replace(other, rid=view.rid)

    peer.while_waiting = lie
    if at_once:
        lie()
    with pytest.raises(UnverifiedError if at_once else DeniedError):
        await (await dana.workflow()).obtain(INTENT, patience=5)
    assert (dana.signed_in_for, len(peer.views)) == ([], before + 1)
