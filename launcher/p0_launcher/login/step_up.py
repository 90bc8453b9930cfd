"""A sign-in for one act (step-up): the person proves anew, now, that it is they who sign this very thing.

Its nonce commits to the session key and to the act, so it is of use for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from p0_access.encoding import b64u, encode
from p0_access.errors import P0Error
from p0_access.messages.identity import SignedAct
from p0_access.proof import commitment, jws
from p0_access.proof.identity import check_made_for
from p0_access.routing.decision import StepUp
from p0_access.routing.stepping_up import check_step_up
from p0_launcher.errors import NotSignedInError, UnverifiedError
from p0_launcher.login.authorization import SIGN_IN_SECONDS, ShowUrl, authorized, by_browser
from p0_launcher.login.provider import IdentityProvider
from p0_launcher.profile import Profile
from p0_launcher.session import own_claims


async def step_up(
    profile: Profile,
    provider: IdentityProvider,
    act: SignedAct,
    demands: Sequence[StepUp],
    *,
    show_url: ShowUrl,
    clock: Callable[[], float],
    random: Callable[[int], bytes],
    patience: float = SIGN_IN_SECONDS,
) -> SignedAct:
    """`act` with a sign-in that was made for it and meets every demand, verified.

    Raises `NotSignedInError` if nobody signs in, or not well enough; `UnverifiedError` if the answer does not hold.
    """
    state, signed_at = b64u(random(32)), int(clock())
    act_hash = jws.record_hash(act.record)
    async with by_browser(state, show_url, port=profile.port, patience=patience) as way:
        tokens = await authorized(
            profile,
            provider,
            way,
            client_id=profile.client_id,
            nonce=commitment.step_up_nonce(act.identity.bind, act_hash),
            state=state,
            random=random,
            wishes={
                "prompt": "login",
                "max_age": "0",
                **_asked_for(demands, by_claims=(await provider.metadata()).claims_parameter_supported),
                "login_hint": _login_hint(act.identity.id_token),
            },
        )
    identity = msgspec.structs.replace(act.identity, step_up=tokens.id_token)
    found = await provider.verify(identity)
    try:
        if found.step_up is not None:
            check_made_for(found.step_up, bind=identity.bind, act_hash=act_hash, signed_at=signed_at)
        check_step_up(demands, found.stepped_up)
    except P0Error as error:
        if error.code == "step_up_nonce":
            raise UnverifiedError(str(error), code=error.code, hint=error.hint) from error
        raise NotSignedInError(str(error), code=error.code, hint=error.hint) from error
    return SignedAct(record=act.record, identity=identity)


def _asked_for(demands: Sequence[StepUp], *, by_claims: bool) -> dict[str, str | None]:
    """The strength that is demanded as parameters of the sign-in (OpenID Connect Core 1.0, 3.1.2.1 and 5.5). A token
    says one `acr`: where one would meet every demand, only such are asked for."""
    named = [each.acr for each in demands if each.acr]
    each_acr = [acr for acrs in named for acr in acrs]
    acrs = list(dict.fromkeys(acr for acr in each_acr if all(acr in other for other in named))) or each_acr
    wanted = {"acr": acrs, "amr": list(dict.fromkeys(amr for each in demands for amr in each.amr))}
    claims = {name: {"essential": True, "values": values} for name, values in wanted.items() if values}
    return {
        "acr_values": " ".join(acrs) or None,
        "claims": encode({"id_token": claims}).decode() if by_claims and claims else None,
    }


def _login_hint(own_token: str) -> str | None:
    """The address in one's own token, so that the provider need not ask who it is."""
    hint = own_claims(own_token).get("email")
    return hint if isinstance(hint, str) else None
