"""The life of a request as its requestor drives it, without a screen: ask, wait, collect, verify, open; and end.

The command line and the TUI both stand on this. It prints nothing: what happens meanwhile goes to a callback. What it
yields is an `Access` whose every proof has held.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final, Literal

from p0_access.messages.mandates import Extension
from p0_access.messages.records import Request, What
from p0_access.messages.views import DatabaseView, RequestView, State
from p0_access.proof import jws
from p0_launcher.access import Access, open_credential, pinned_key, reuse_key
from p0_launcher.acts import COLLECT_LIFETIME
from p0_launcher.api import MAX_WAIT, Api
from p0_launcher.ending import Ending, ending
from p0_launcher.errors import DeniedError, LauncherError, UnavailableError, UnverifiedError, UsageError
from p0_launcher.intent import Intent
from p0_launcher.outcome import ended_badly, still_waiting
from p0_launcher.progress import Changed, OnProgress, Retrying, Reused, silent
from p0_launcher.review import admitted
from p0_launcher.session import Session
from p0_launcher.stepping_up import lacking
from p0_launcher.submission import Submission, pauses
from p0_launcher.wallet import Awaited, Held, Wallet

if TYPE_CHECKING:
    from p0_launcher.needs import Needs

END_SECONDS: Final = 10
"""How long the agent is given to answer to an end, which the server has by then."""


class Workflow:
    """One person's requests at one server. `pins` are the thumbprints of the agents that the profile trusts."""

    def __init__(
        self,
        api: Api,
        session: Session,
        wallet: Wallet,
        *,
        pins: Collection[str],
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._api = api
        self._session = session
        self._wallet = wallet
        self._pins = pins
        self._clock = clock
        self._submission = Submission(api, session, wallet, pins=pins, clock=clock, random=random)

    async def database(self, name: str) -> DatabaseView:
        """The database `name`, whose agent the profile trusts."""
        return await self._submission.database(name)

    async def obtain(self, intent: Intent, *, patience: float, on_progress: OnProgress = silent) -> Access:
        """An access for `intent`: one that is still active, or a new request, waited for `patience` seconds."""
        access = await self.reusable(intent)
        if access is not None:
            on_progress(Reused(access=access))
            return access
        view = await self._followed(intent, patience=patience, on_progress=on_progress)
        return await self._obtained(view)

    async def resume(self, rid: str, *, patience: float, on_progress: OnProgress = silent) -> Access:
        """The access of an earlier request of this machine."""
        contents = await self._wallet.read()
        held = contents.held.get(rid)
        if held is not None and await self._still_active(held):
            on_progress(Reused(access=Access.of(held)))
            return Access.of(held)
        if rid not in contents.awaited:
            raise UsageError(
                f"{rid} was not requested from here, or is over",
                code="not_awaited",
                hint=f"p0 show {rid} tells what became of it; its credential opens only where it was requested",
            )
        return await self.wait(await self._api.request(rid), patience=patience, on_progress=on_progress)

    async def asked(self, access: Access) -> What:
        """What the request of `access` asked for, as it was signed."""
        view = await self._api.request(access.rid)
        if jws.record_hash(view.request) != access.rh:
            raise UnverifiedError("the server shows another request under this name", code="request_mismatch")
        return jws.unverified_record(view.request, Request).what

    async def reusable(self, intent: Intent) -> Access | None:
        """An access for exactly the same, unless it is for one use or known to be over."""
        if intent.one_shot:
            return None
        key = reuse_key(intent.database, intent.what)
        for held in (await self._wallet.read()).held.values():
            if held.key == key and not held.one_shot and await self._still_active(held):
                return Access.of(held)
        return None

    async def submit(self, intent: Intent, *, patience: float = 0, on_progress: OnProgress = silent) -> RequestView:
        """A new request, signed and handed in (`Submission.submit`). Where the agent answers at once that it takes a
        sign-in of its own, another is made, with one."""
        view = await self._submission.submit(intent, patience=patience, on_progress=on_progress)
        rh = jws.record_hash(view.request)
        return await self._signed_in(view, rh, intent, patience, on_progress) or view

    async def _followed(self, intent: Intent, *, patience: float, on_progress: OnProgress) -> RequestView:
        """A new request, submitted and followed; that it takes a sign-in of its own may turn out after a while."""
        view = await self._submission.submit(intent, patience=patience, on_progress=on_progress)
        rh = jws.record_hash(view.request)
        view = await self.follow(view, patience=patience, on_progress=on_progress)
        other = await self._signed_in(view, rh, intent, patience, on_progress)
        return view if other is None else await self.follow(other, patience=patience, on_progress=on_progress)

    async def _signed_in(
        self, view: RequestView, rh: str, intent: Intent, patience: float, on_progress: OnProgress
    ) -> RequestView | None:
        """Another request for the same, with a sign-in made for it, if that is what the agent misses in the one with
        the hash `rh`."""
        demands = lacking(view, rh, pins=self._pins)
        if not demands:
            return None
        await self._wallet.forget(view.rid)
        return await self._submission.submit(intent, patience=patience, on_progress=on_progress, demands=demands)

    async def wait(self, view: RequestView, *, patience: float, on_progress: OnProgress = silent) -> Access:
        """Follows a request of this machine until it is active, over, or `patience` seconds have passed."""
        return await self._obtained(await self.follow(view, patience=patience, on_progress=on_progress))

    async def _obtained(self, view: RequestView) -> Access:
        """The access of a request that was followed, or why there is none."""
        if view.state is not State.ACTIVE:
            await self._wallet.forget(view.rid)
            raise await self.why_not(view)
        return await self._open(view)

    async def why_not(self, view: RequestView) -> LauncherError:
        """What to tell of a request that gives no access. What misspelt permissions should be called is its hint."""
        error = ended_badly(view)
        what = jws.unverified_record(view.request, Request).what
        if what.kind == "grant" and isinstance(error, DeniedError):
            from p0_launcher.misspelt import misspelt  # here: the way to psql doesn't wait for it

            hint = await misspelt(self._api, self._wallet, view.database, what, pins=self._pins)
            error.hint = hint or error.hint
        return error

    async def extend(
        self, rid: str, *, ttl: int, reason: str, patience: float, on_progress: OnProgress = silent
    ) -> RequestView:
        """Asks that one's access `rid` may last `ttl` seconds from its start, in all, and follows that as any other
        request; what is kept of the access is put right by the agent's word. The view is that of `rid`."""
        view = await self._api.request(rid)
        asked = jws.unverified_record(view.request, Request)
        rh = jws.record_hash(view.request)
        held = (await self._wallet.read()).held.get(rid)
        if view.state is not State.ACTIVE or not view.mine or asked.rid != rid or (held and held.rh != rh):
            raise UsageError(f"{rid} is no active access of yours", code="not_active", hint="p0 requests lists yours")
        intent = Intent(
            database=asked.database, what=asked.what, reason=reason, ttl=ttl, one_shot=asked.one_shot, extends=rh
        )
        request = await self._followed(intent, patience=patience, on_progress=on_progress)
        await self._wallet.forget(request.rid)
        if request.end_cause != "extended" or request.extension is None:
            raise ended_badly(request)
        key = pinned_key(request.agent, self._pins)
        extension = jws.verify(request.extension, Extension, key).record
        if (extension.rh, extension.extends) != (jws.record_hash(request.request), rh):
            raise UnverifiedError("the agent extended another access", code="extension_request")
        async with self._wallet.changing() as draft:
            draft.contents = draft.contents.extended(rid, extension.not_after)
        return await self._api.request(rid)

    async def follow(self, view: RequestView, *, patience: float, on_progress: OnProgress = silent) -> RequestView:
        """The request once it is active, ending or over; `StillPendingError` after `patience` seconds. An approved one
        is collected even then. While the server doesn't answer, it tries again."""
        deadline = time.monotonic() + patience
        collected = -math.inf
        waits = pauses()
        while not view.state.final and view.state not in {State.ACTIVE, State.ENDING}:
            left = deadline - time.monotonic()
            collect = view.state is State.APPROVED and time.monotonic() - collected > COLLECT_LIFETIME
            if left <= 0 and not collect:
                raise still_waiting(view, self._clock())
            hold = min(MAX_WAIT, math.ceil(max(left, 1)))
            try:
                if collect:
                    following = await self._collect(view, hold)
                    collected = time.monotonic()
                else:
                    following = await self._api.request(view.rid, wait=hold, after=_last_event(view))
            except UnavailableError as error:
                on_progress(Retrying(error=error))
                if left <= 0:
                    raise
                await asyncio.sleep(min(next(waits), left))
                continue
            waits = pauses()
            if _last_event(following) != _last_event(view) or following.state is not view.state:
                on_progress(Changed(view=following))
            view = following
        return view

    async def give_back(self, rid: str, *, comment: str = "") -> RequestView:
        """Ends one's own access early, or takes back a request that is not decided; its credential is forgotten."""
        view = await self._api.request(rid)
        using = view.state in {State.PROVISIONING, State.ACTIVE}
        ended = await self._end(self._not_over(view), "relinquish" if using else "cancel", comment)
        await self._wallet.forget(rid)
        return ended

    async def ending(self, rid: str) -> Ending:
        """What stands under `rid`, verified: for who is about to end it."""
        return self._not_over(await self._api.request(rid))

    async def revoke(self, what: Ending, *, comment: str = "") -> RequestView:
        """Ends somebody's access or request, or a mandate of one's own, as it was read."""
        return await self._end(what, "revoke", comment)

    def _not_over(self, view: RequestView) -> Ending:
        if view.state.final:
            raise UsageError(
                f"{view.rid} is over already: {view.end_cause or view.state}",
                code="already_ended",
                hint=f"p0 show {view.rid} tells what became of it",
            )
        return ending(view, pins=self._pins)

    async def _end(self, what: Ending, act: Literal["cancel", "relinquish", "revoke"], comment: str) -> RequestView:
        signer = await self._session.signer()
        signed = signer.sign_end(agent=what.agent, rh=what.rh, act=act, comment=comment)
        return await self._api.end(what.rid, signed, wait=END_SECONDS)

    async def needs(self, intent: Intent) -> Needs:
        """The permissions that the SQL of `intent` needs, to ask for those, for any statement over them."""
        from p0_launcher.needs import needs_of  # here: the way to psql doesn't wait for it

        await self.database(intent.database)  # a name that is none is told as such
        return await needs_of(
            self._api, intent.database, intent.what, reason=intent.reason, pins=self._pins, wallet=self._wallet
        )

    async def _collect(self, view: RequestView, hold: int) -> RequestView:
        admission = admitted(view, pins=self._pins)
        signer = await self._session.signer()
        act = signer.sign_collect(agent=view.agent.thumbprint, rh=admission.record.rh, ah=admission.hash)
        return await self._api.collect(view.rid, act, wait=hold)

    async def _open(self, view: RequestView) -> Access:
        contents = await self._wallet.read()
        held = contents.held.get(view.rid)
        if held is None:
            awaited = contents.awaited.get(view.rid)
            if awaited is None:
                raise UsageError(
                    f"{view.rid} was not requested from here",
                    code="not_awaited",
                    hint="Its credential opens only on the machine that asked for it",
                )
            seen = contents.heads.get(awaited.agent)
            held = open_credential(
                view,
                awaited,
                one_shot=self._ends_with_session(view, awaited),
                pins=self._pins,
                now=int(self._clock()),
                seen=seen,
            )
            async with self._wallet.changing() as draft:
                draft.contents = draft.contents.with_held(held)
        return Access.of(held)

    def _ends_with_session(self, view: RequestView, awaited: Awaited) -> bool:
        """By what the agent admitted, not by what the server says of the SQL."""
        if awaited.one_shot is not None:
            return awaited.one_shot
        admission = admitted(view, pins=self._pins).record
        if admission.rh != awaited.rh:
            raise UnverifiedError("the server shows the admission of another request", code="admission_request")
        return jws.unverified_record(view.request, Request).ends_with_session(admission.permissions)

    async def _still_active(self, held: Held) -> bool:
        """Whether it may be used: a server that doesn't answer is no reason not to."""
        try:
            view = await self._api.request(held.rid)
        except UnavailableError:
            return True
        except UsageError:
            view = None
        if view is not None and view.state is State.ACTIVE:
            return True
        await self._wallet.forget(held.rid)
        return False


def _last_event(view: RequestView) -> int:
    return max((event.seq for event in view.events), default=0)
