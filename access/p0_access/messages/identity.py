"""The identity that travels beside an act: the committed session key and the tokens that prove whose it is."""

from __future__ import annotations

import msgspec

from p0_access.secret import Hidden


class Identity(Hidden, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Unverified until `p0_access.proof.identity.verify` has seen it.

    `bind` is base64url of the committed bytes, `id_token` the original token whose nonce commits to it;
    `fresh` a later token of the same subject, needed once the original has expired; `step_up` a token from a login
    made for this very act.
    """

    bind: str
    id_token: str
    fresh: str | None = None
    step_up: str | None = None


class SignedAct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An act as it travels: the JWS and the identity that it names by hash."""

    record: str
    identity: Identity
