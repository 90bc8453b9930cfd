"""Rules against the configured issuers of workloads: none of these may be given something without pinned claims.

Routing gives an unpinned workload nothing in any case; this is so that the author hears of it.
"""

from __future__ import annotations

from collections.abc import Collection

from p0_access.errors import RulesError
from p0_access.routing.people import qualified_issuer
from p0_access.routing.rule import Deny, Rule
from p0_access.routing.rules import RuleSet


def check_pins(rules: RuleSet, *, workload_issuers: Collection[str]) -> None:
    """Raises `RulesError` (`rules_unpinned`) at the first rule that names one of `workload_issuers` without claims."""
    for rule in rules.rules:
        named = _issuers(rule) & set(workload_issuers)
        if named and rule.requestors is not None and not rule.requestors.claims and not isinstance(rule.approval, Deny):
            raise RulesError(
                f'{rules.source}:{rule.line}: rule "{rule.name}" pins no claims of the workloads of {min(named)}',
                code="rules_unpinned",
                hint='say which they are: requestor: {issuer: …, claims: {repository_id: "4711"}}',
                line=rule.line,
            )


def _issuers(rule: Rule) -> set[str]:
    requestors = rule.requestors
    if requestors is None:
        return set()
    named = {qualified_issuer(subject) for subject in requestors.subjects}
    return named if requestors.issuer is None else {*named, requestors.issuer}
