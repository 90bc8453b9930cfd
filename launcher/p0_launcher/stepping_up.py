"""When an act needs a sign-in of its own, seen from the launcher: what is asked of whoever can make one.

How it is made is `p0_launcher.login.step_up`'s business, and where the browser is shown its front end's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from p0_access.messages.identity import SignedAct
from p0_access.routing.decision import StepUp
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


async def handed_in(send: Callable[[SignedAct], Awaitable[T]], act: SignedAct, sign_in_for: SignInFor) -> T:
    """What `send` yields; where the server finds that `act` needs a sign-in of its own, with one, for the same act."""
    try:
        return await send(act)
    except StepUpRequiredError as error:
        if act.identity.step_up is not None:
            raise
        return await send(await sign_in_for(act, error.demands or ANY))
