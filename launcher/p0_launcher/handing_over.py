"""Acts in a file, for who can bring it to the agent past the server: `p0 agent submit` there takes them in.

A server can hold back a revocation or a denial until the access ends by itself. The file has tokens in it, which are
of no use without the session key; it is written for its owner alone all the same.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from p0_access.encoding import encode
from p0_access.messages.job import HandedOver
from p0_access.messages.views import RequestView
from p0_launcher.ending import Ending
from p0_launcher.files import unwritable
from p0_launcher.review import Review
from p0_launcher.session import Session


async def end(
    session: Session, view: RequestView, what: Ending, act: Literal["cancel", "relinquish", "revoke"], *, comment: str
) -> HandedOver:
    """Of what is in `view`, as it was read."""
    signer = await session.signer()
    signed = signer.sign_end(agent=what.agent, rh=what.rh, act=act, comment=comment)
    return HandedOver(kind="end", request=view.request, act=signed)


async def denial(session: Session, view: RequestView, reviewed: Review, *, comment: str) -> HandedOver:
    """Of the request in `view`, as it was `reviewed`."""
    signer = await session.signer()
    signed = signer.sign_approval(
        agent=reviewed.agent,
        ah=reviewed.ah,
        decision="deny",
        permissions=reviewed.admission.permissions,
        ttl=reviewed.ttl,
        comment=comment,
    )
    return HandedOver(kind="approval", request=view.request, act=signed)


def write(path: Path, handed: HandedOver) -> None:
    """A new file that only its owner can read."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(encode(handed) + b"\n")
    except OSError as error:
        raise unwritable(path, error) from error
