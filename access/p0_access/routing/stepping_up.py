"""Which acts need a sign-in of their own (step-up) by the rules, and how strong it must be.

It says what is demanded. Whether a sign-in was made for the very act is `p0_access.proof.identity`'s to verify.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from p0_access.errors import StepUpError
from p0_access.permissions.permission import Permission
from p0_access.routing.decision import MAX_DEMANDS, Question, StepUp
from p0_access.routing.matching import spell
from p0_access.routing.rule import SteppingUp
from p0_access.routing.rules import Defaults

READS: Final = frozenset({"SELECT", "CONNECT", "USAGE", "EXECUTE", "TEMPORARY", "REFERENCES"})
"""Privileges that by themselves change no data. What a function does with its owner's rights is among the reached."""


def of_approvers(said: SteppingUp | None, *, otherwise: bool) -> StepUp | None:
    """What approvals by a rule need that says `said`; `otherwise`, a rule that says nothing needs a sign-in."""
    if said is None:
        return StepUp() if otherwise else None
    return said.demand if "approvers" in said.of else None


def of_requestor(said: Iterable[SteppingUp | None]) -> tuple[StepUp, ...]:
    """All that the deciding rules demand of the request; one sign-in must meet every one."""
    return tuple(dict.fromkeys(each.demand for each in said if each is not None and "requestor" in each.of))


def of_mandate(defaults: Defaults, permissions: Iterable[Permission] | None) -> tuple[StepUp, ...]:
    """What signing in advance needs, by the defaults: an allowance of `permissions` what approving them would; a
    delegation (None) a sign-in, whatever comes."""
    needed = defaults.step_up_for_writes and (permissions is None or may_write(permissions))
    return (StepUp(),) if needed else ()


def writes(question: Question) -> bool:
    """Whether it may change anything, itself or by what it reaches. What is not known may."""
    return question.reach_unknown or may_write((*question.granted, *question.reached))


def may_write(permissions: Iterable[Permission]) -> bool:
    return any(permission.privilege not in READS for permission in permissions)


def meets(demand: StepUp, found: StepUp | None) -> bool:
    """Whether a sign-in that was made for the act is what `demand` asks for; `found` is None where there was none."""
    return (
        found is not None
        and (not demand.acr or not set(demand.acr).isdisjoint(found.acr))
        and (not demand.amr or not set(demand.amr).isdisjoint(found.amr))
    )


def check_step_up(demands: Iterable[StepUp], found: StepUp | None) -> None:
    """Raises `StepUpError` unless a sign-in made for this act meets every demand. `found` is what its token says: the
    one `acr`, all `amr`; None where there was none."""
    every = tuple(dict.fromkeys(demands))
    demanded = every[:MAX_DEMANDS]
    for demand in every:
        if found is None:
            raise StepUpError(
                f"this needs a sign-in made for it{''.join(dict.fromkeys(map(strength, demanded)))}",
                code="step_up_required",
                hint="Sign in again when the launcher asks.",
                demands=demanded,
            )
        for claim, wanted, said in (("acr", demand.acr, found.acr), ("amr", demand.amr, found.amr)):
            if wanted and set(wanted).isdisjoint(said):
                message = (
                    f"the sign-in for this was too weak: {claim} {', '.join(said) or 'missing'}, not {spell(wanted)}"
                )
                raise StepUpError(message, code=f"step_up_{claim}", hint=_STRONGER, demands=demanded)


def strength(step_up: StepUp) -> str:
    """` (acr phr, amr hwk or swk)`, for the end of a sentence; nothing where any sign-in will do."""
    named = [f"{claim} {spell(values)}" for claim, values in (("acr", step_up.acr), ("amr", step_up.amr)) if values]
    return f" ({', '.join(named)})" if named else ""


_STRONGER: Final = "Sign in the way that the rules ask for, such as with a security key."
