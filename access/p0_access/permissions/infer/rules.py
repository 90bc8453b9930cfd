"""Rewrite rules: what a write to their relation sets off, or is replaced by (rewriteHandler.c, RewriteQuery).

The relations in a rule's actions are checked against the owner of the relation that has the rule; functions, defaults
and triggers are the caller's to pay, as in views. The privileges on the relation itself are the caller's too, unless
nothing is left to run: then PostgreSQL checks nothing at all.
"""

from __future__ import annotations

from typing import NamedTuple

from p0_access.errors import ReadingError
from p0_access.permissions.catalog import Relation
from p0_access.permissions.guard import guard
from p0_access.permissions.infer import bodies, body_reader
from p0_access.permissions.infer.charges import Reason
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.parse import Node, parse
from p0_access.permissions.places import Places


class Rule(NamedTuple):
    """One rule: its definition and the parser's node of it."""

    definition: str
    node: Node

    def replaces(self) -> bool:
        """Whether the statement itself no longer runs."""
        return bool(self.node.get("instead")) and "whereClause" not in self.node


class DoesNothingError(Exception):
    """INSTEAD NOTHING: of the statement, nothing runs."""


def apply(context: Context, relation: Relation, verb: str, place: int) -> bool:
    """Charges the rules for INSERT, UPDATE or DELETE on `relation`; whether one of them replaces the statement. Raises
    DoesNothingError if that leaves nothing, and it is not known yet (`Context.inert`)."""
    if leaves_nothing(context, relation, verb, place):
        return True
    found = _for_event(context, relation, verb, place)
    for number, each in enumerate(found):
        body = body_reader.rule(context, relation, f"{verb} {number}", each.node, place)
        context.reached.update(dict.fromkeys(body.context.charges.collect()))
        context.callers.absorb_at(body.context.callers, Reason(f"rule {each.node['rulename']}", place))
        bodies.pass_on(context, body)
    return any(each.replaces() for each in found)


def leaves_nothing(context: Context, relation: Relation, verb: str, place: int) -> bool:
    """Whether rules make the statement do nothing, as is known by now; raises DoesNothingError if it was not."""
    found = _for_event(context, relation, verb, place)
    if not any(each.replaces() for each in found) or any(each.node.get("actions") for each in found):
        return False
    if not context.inert:
        raise DoesNothingError(f"a rule makes {verb} on {relation.schema}.{relation.name} do nothing")
    return True


def _for_event(context: Context, relation: Relation, verb: str, place: int) -> list[Rule]:
    return [each for each in _rules(context, relation, place) if each.node["event"] == f"CMD_{verb}"]


def uses(context: Context, relation: Relation, column: str, place: int) -> bool:
    """Whether a rule takes the new value of a column, which is then computed if the statement leaves it out."""
    return any(
        f'new."{column}"' in each.definition or f"new.{column}" in each.definition
        for each in _rules(context, relation, place)
    )


def _rules(context: Context, relation: Relation, place: int) -> tuple[Rule, ...]:
    if not relation.rules:
        return ()
    name = f"{relation.schema}.{relation.name}"
    definitions = relation.rewrites
    if definitions is None:
        raise RefusedError("rule", f"{name} has rewrite rules that are not known", place)

    def read() -> tuple[Rule, ...]:
        try:
            return tuple(Rule(each, parse(guard(each), Places(each))[0].node) for each in definitions)
        except ReadingError as error:
            raise RefusedError("rule", f"a rewrite rule of {name} cannot be read: {error}", place) from error

    return body_reader.remembered(context, f"rules of {name}", read)
