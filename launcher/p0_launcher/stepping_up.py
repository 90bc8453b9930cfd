"""When an act needs a sign-in of its own, seen from the launcher: what is asked of whoever can make one.

How it is made is `p0_launcher.login.step_up`'s business, and where the browser is shown its front end's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, Protocol, TypeVar

from msgspec import UNSET

from p0_access.messages.identity import SignedAct
from p0_access.messages.records import Refusal
from p0_access.messages.views import RequestView, State
from p0_access.proof import jws
from p0_access.routing.decision import StepUp
from p0_launcher.access import pinned_key
from p0_launcher.errors import StepUpRequiredError, UsageError

ANY: Final = (StepUp(),)
"""A sign-in, of whatever strength."""

T = TypeVar("T")


class SignInFor(Protocol):
    """Signs in for an act that is signed already; yields the act with the sign-in beside it."""

    def __call__(self, act: SignedAct, demands: Sequence[StepUp], /) -> Awaitable[SignedAct]: ...


async def nobody_signs_in(act: SignedAct, demands: Sequence[StepUp], /) -> SignedAct:
    """Where there is no browser to send anybody to."""
    del act, demands
    raise UsageError(
        "this needs a sign-in of its own, in the browser",
        code="step_up_required",
        hint="Do it where you can sign in with a browser.",
    )


async def handed_in(
    send: Callable[[SignedAct], Awaitable[T]],
    act: SignedAct,
    sign_in_for: SignInFor,
    *,
    anew: Callable[[], Awaitable[SignedAct]] | None = None,
    otherwise: Sequence[StepUp] = ANY,
) -> T:
    """What `send` yields; where `act` lacks a sign-in of its own, with one, once.

    A server that finds so has not taken the act in, and says how strong the sign-in must be: it is made for the same
    act. Where the agent alone does, its no to that act stands: `anew` signs another, and the sign-in meets `otherwise`.
    (Its no to a request or a mandate is no error, but what became of it: `lacking`.)
    """
    try:
        return await send(act)
    except StepUpRequiredError as error:
        if act.identity.step_up is not None:
            raise
        stands = error.final or not error.demands
        again = await anew() if stands and anew is not None else act
        return await send(await sign_in_for(again, error.demands or otherwise))


def lacking(view: RequestView, rh: str, *, pins: Collection[str]) -> tuple[StepUp, ...]:
    """The sign-ins for the want of which the agent, by its signed word, refused the record with the hash `rh`; none if
    it did not. A server that shows its word on another one would have the same signed twice."""
    if view.state is not State.REFUSED or view.refusal is None or view.code not in _LACKING:
        return ()
    refusal = jws.verify(view.refusal, Refusal, pinned_key(view.agent, pins)).record
    if refusal.code != view.code or refusal.rh != rh:
        return ()
    if refusal.step_up is not UNSET:
        return refusal.step_up
    return ANY if refusal.code == StepUpRequiredError.CODE else ()


_LACKING: Final = frozenset({StepUpRequiredError.CODE, "step_up_acr", "step_up_amr"})
