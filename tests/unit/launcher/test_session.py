"""The session: which tokens are sent when, one refresh at a time, and nothing after its end."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from fix_launcher import Clock, Machine
from p0_access.messages.records import Collect
from p0_access.proof import jws
from p0_access.proof.id_token import token_hash
from p0_launcher.errors import NotSignedInError, UnavailableError


async def test_while_the_login_token_holds_it_goes_alone(dana: Machine) -> None:
    identity = await (await dana.session()).identity()
    assert (identity.id_token, identity.fresh) == (dana.person.id_token, None)
    assert dana.provider.refreshed == []


async def test_afterwards_a_refreshed_token_goes_with_it(dana: Machine, clock: Clock) -> None:
    clock.now += 250
    session = await dana.session()
    identity = await session.identity()
    assert identity.id_token == dana.person.id_token
    assert identity.fresh is not None
    assert dana.peer.verified(identity).fresh == token_hash(identity.fresh)
    assert (await session.identity()).fresh == identity.fresh
    assert dana.provider.refreshed == ["refresh-0"]
    clock.now += 300
    assert (await session.identity()).fresh != identity.fresh
    assert dana.provider.refreshed == ["refresh-0", "refresh-1"]


async def test_a_refresh_is_kept_for_the_next_run(dana: Machine, clock: Clock) -> None:
    clock.now += 250
    first = await (await dana.session()).identity()
    assert (await (await dana.session()).identity()).fresh == first.fresh
    assert len(dana.provider.refreshed) == 1


async def test_several_at_once_refresh_once(dana: Machine, clock: Clock) -> None:
    clock.now += 250
    sessions = [await dana.session() for _ in range(4)]
    identities = await asyncio.gather(*(session.identity() for session in sessions))
    assert len({identity.fresh for identity in identities}) == 1
    assert dana.provider.refreshed == ["refresh-0"]


async def test_without_a_refresh_token_the_login_ends_with_its_token(dana: Machine, clock: Clock) -> None:
    await dana.sign_in(refresh_token=None)
    clock.now += 299
    assert (await (await dana.session()).identity()).fresh is None
    clock.now += 2
    with pytest.raises(NotSignedInError) as caught:
        await (await dana.session()).identity()
    assert (caught.value.code, caught.value.exit_code) == ("session_expired", 78)


async def test_a_session_is_too_old_at_some_point_whatever_is_refreshed(dana: Machine, clock: Clock) -> None:
    clock.now += 43_200
    with pytest.raises(NotSignedInError) as caught:
        await (await dana.session()).identity()
    assert caught.value.code == "session_too_old"
    assert dana.provider.refreshed == []


async def test_a_provider_that_is_down_is_said_to_be(dana: Machine, clock: Clock) -> None:
    clock.now += 250
    dana.provider.error = UnavailableError("the identity provider does not answer", code="issuer_unavailable")
    with pytest.raises(UnavailableError):
        await (await dana.session()).identity()


async def test_signing_out_elsewhere_is_noticed(dana: Machine, clock: Clock) -> None:
    session = await dana.session()
    await dana.wallet_of_another_process().wipe()
    clock.now += 250
    with pytest.raises(NotSignedInError):
        await session.identity()


async def test_nobody_signed_in(dana: Machine) -> None:
    await dana.wallet.wipe()
    with pytest.raises(NotSignedInError) as caught:
        await dana.session()
    assert caught.value.hint == "Sign in: p0 login"


async def test_an_act_names_the_tokens_beside_it(dana: Machine, clock: Clock) -> None:
    clock.now += 250
    session = await dana.session()
    signed = (await session.signer()).sign_collect(agent="a" * 43, rh="r" * 43, ah="h" * 43)
    act = jws.verify(signed.record, Collect, session.key.public).record
    assert act.idh == token_hash(dana.person.id_token)
    assert act.fresh == token_hash(signed.identity.fresh or "")
    assert (act.iat, act.exp - act.iat) == (int(clock()), 120)


async def test_nothing_secret_is_shown(dana: Machine) -> None:
    stored = await dana.sign_in()
    contents = await dana.wallet.read()
    for shown in (repr(stored), repr(contents), str(contents)):
        assert stored.seed not in shown
        assert stored.id_token not in shown
        assert "refresh-0" not in shown
    assert stored.seed in msgspec.json.encode(stored).decode()
