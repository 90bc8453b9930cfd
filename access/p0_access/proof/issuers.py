"""Identity providers by configuration: what each may sign with, for whom, and what of its claims counts.

It takes claims that are verified already, and verifies nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from p0_access.errors import ProofError

MAX_GROUPS: Final = 1_000
MAX_CLAIMS: Final = 100
MAX_CLAIM_CHARS: Final = 1_000

ASYMMETRIC: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""What an issuer may be configured to sign with. `none` and the HMAC family are never allowed."""

OF_ONE_TOKEN: Final = frozenset({"aud", "exp", "iat", "jti", "nbf", "nonce"})

ClaimPath = str | Annotated[tuple[str, ...], Meta(min_length=1)]
"""A claim by its name, or a way into one: ["realm_access", "roles"]."""


class GroupMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose `claim` is `value`, or has it in its list, is in `group`."""

    claim: ClaimPath
    value: Annotated[str, Meta(min_length=1)]
    group: Annotated[str, Meta(min_length=1)]


class Workloads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An issuer whose subjects are programs. `claims` pins which of them count at all: each claim must have one of its
    values. There is no issuer of workloads without pins: anybody can run one at a public CI."""

    claims: Annotated[dict[str, Annotated[tuple[str, ...], Meta(min_length=1)]], Meta(min_length=1)]


class TrustedIssuer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An identity provider. `email_domains` are the domains that it owns: an address elsewhere does not count.

    `client_ids` are the launcher's own, shared with no web front end; `paste_client_ids` those for machines without a
    browser, whose sessions are short and never approve. Groups are what `groups_claim` lists (nothing, if it is empty)
    and what `groups` derives. `max_session` in seconds. With `workloads` its subjects are programs, not people.
    """

    issuer: Annotated[str, Meta(min_length=1, max_length=2_000)]
    client_ids: tuple[str, ...] = ()
    paste_client_ids: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    groups_claim: ClaimPath = "groups"
    groups: tuple[GroupMapping, ...] = ()
    email_domains: tuple[str, ...] = ()
    max_session: int = 43_200
    workloads: Workloads | None = None

    def __post_init__(self) -> None:
        if not self.algorithms or not set(self.algorithms) <= ASYMMETRIC:
            raise ValueError(f"algorithms must be among {', '.join(sorted(ASYMMETRIC))}")
        if self.workloads is None and not self.client_ids:
            raise ValueError(f"the issuer {self.issuer} needs client_ids, or workloads with pinned claims")
        if self.workloads is not None and (self.client_ids or self.paste_client_ids or self.email_domains):
            raise ValueError(f"workloads of {self.issuer} have no client_ids, paste_client_ids or email_domains")
        if not set(self.client_ids).isdisjoint(self.paste_client_ids):
            raise ValueError(f"a client id of {self.issuer} is for the browser or for pasting, not for both")


class Alias(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Subjects ("https://issuer#subject") that are one human, who counts as the first of them."""

    subjects: Annotated[tuple[Annotated[str, Meta(pattern=r"^https?://[^\s#]+#\S+$")], ...], Meta(min_length=2)]


NO_ALIASES: Final[Mapping[str, str]] = {}


def humans(aliases: tuple[Alias, ...]) -> dict[str, str]:
    """From each subject to the one that it counts as; `ValueError` if one stands in two places."""
    found: dict[str, str] = {}
    for alias in aliases:
        for subject in alias.subjects:
            if subject in found:
                raise ValueError(f"the subject {subject} stands twice among the aliases")
            found[subject] = alias.subjects[0]
    return found


def workload_issuers(issuers: tuple[TrustedIssuer, ...]) -> frozenset[str]:
    return frozenset(issuer.issuer for issuer in issuers if issuer.workloads is not None)


def check_people(issuers: tuple[TrustedIssuer, ...], aliases: tuple[Alias, ...]) -> None:
    """Raises `ValueError` for an issuer or a subject that stands twice."""
    names = [issuer.issuer for issuer in issuers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the issuer {name} stands twice")
    humans(aliases)


def email_of(claims: Mapping[str, Any], issuer: TrustedIssuer) -> str | None:
    """The address, if the issuer verified it and owns its domain."""
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        return None
    name, _, domain = email.partition("@")
    return email.lower() if name and domain.lower() in {item.lower() for item in issuer.email_domains} else None


def groups_of(claims: Mapping[str, Any], issuer: TrustedIssuer) -> tuple[str, ...]:
    """Sorted, without duplicates. `ProofError` (`token_groups`) if the groups' claim is not a list of names."""
    listed = [] if not issuer.groups_claim else _found(claims, issuer.groups_claim, default=[])
    if not isinstance(listed, list) or len(listed) > MAX_GROUPS or not all(isinstance(item, str) for item in listed):
        raise ProofError(f"the claim {issuer.groups_claim!r} is not a list of group names", code="token_groups")
    mapped = (mapping.group for mapping in issuer.groups if _says(_found(claims, mapping.claim), mapping.value))
    return tuple(sorted({*listed, *mapped}))


def workload_claims(claims: Mapping[str, Any], issuer: TrustedIssuer) -> dict[str, str] | None:
    """What rules may pin: the token's claims that are text, numbers or truth values, as text, and not of this one token
    alone. None for people.

    `ProofError` (`workload_claims`) for a workload whose claims are not those that the configuration pins.
    """
    if issuer.workloads is None:
        return None
    said = {name: text for name, value in sorted(claims.items()) if (text := _text(value)) and name not in OF_ONE_TOKEN}
    if len(said) > MAX_CLAIMS:
        raise ProofError("the workload's token has too many claims", code="workload_claims")
    for name, values in issuer.workloads.claims.items():
        if said.get(name) not in values:
            raise ProofError(
                f"this workload's {name} is not one that is trusted here",
                code="workload_claims",
                hint="The configuration pins the claims of this issuer's workloads.",
            )
    return said


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value) if isinstance(value, str | int) else ""
    return text if 0 < len(text) <= MAX_CLAIM_CHARS else None


def _found(claims: Mapping[str, Any], path: ClaimPath, *, default: object = None) -> object:
    found: object = claims
    for name in (path,) if isinstance(path, str) else path:
        found = found.get(name, default) if isinstance(found, Mapping) else default
    return found


def _says(found: object, value: str) -> bool:
    return value in found if isinstance(found, list) else _text(found) == value
