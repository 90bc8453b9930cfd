"""Looking at an emergency afterwards: what is verified before it is said that it was looked at, and how that is signed.

The steps are those of any review: the admission is signed by an agent that the profile pins, and admits exactly the
request that is shown. What the agent's verdict says of the emergency is its signed word.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from p0_access.messages.records import Admission, Request
from p0_access.messages.views import RequestView
from p0_access.proof import jws
from p0_access.routing.decision import Automatic, Decision, Denied, Emergency, NeedsApproval
from p0_launcher.api import MAX_WAIT, Api
from p0_launcher.errors import UsageError
from p0_launcher.review import admitted, as_signed
from p0_launcher.session import Session


class Afterwards(msgspec.Struct, frozen=True, kw_only=True):
    """An emergency as its agent admitted it, verified. `ah` names the admission; `ttl` is what was given."""

    rid: str
    agent: str
    request: Request
    admission: Admission
    rh: str
    ah: str
    ttl: int
    decision: Automatic | NeedsApproval
    emergency: Emergency

    @property
    def requestor(self) -> str:
        """For people: the verified address, else the subject."""
        return self.admission.subject.email or self.admission.subject.sub


def afterwards(view: RequestView, *, pins: Collection[str]) -> Afterwards:
    """What a reviewer reads, verified; `UsageError` if it was no emergency."""
    admission = admitted(view, pins=pins)
    as_signed(view, admission.record)
    decision: Decision = admission.record.rules.decision
    if isinstance(decision, Denied) or decision.emergency is None:
        raise UsageError(
            f"{view.rid} broke no glass: there is nothing to review afterwards",
            code="no_emergency",
            hint="p0 requests --to-review lists what waits for you",
        )
    return Afterwards(
        rid=view.rid,
        agent=view.agent.thumbprint,
        request=jws.unverified_record(view.request, Request),  # bound to the agent's signature by `admitted`
        admission=admission.record,
        rh=admission.record.rh,
        ah=admission.hash,
        ttl=decision.ttl,
        decision=decision,
        emergency=decision.emergency,
    )


async def close_review(api: Api, session: Session, looked_at: Afterwards, *, comment: str) -> RequestView:
    """Signs that it was looked at, and hands that in."""
    signer = await session.signer()
    act = signer.sign_review(agent=looked_at.agent, rh=looked_at.rh, ah=looked_at.ah, comment=comment)
    return await api.review(looked_at.rid, act, wait=MAX_WAIT)
