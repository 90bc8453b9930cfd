"""The agent's ceiling: what is never granted is refused with its reason, everything else by the configuration."""

from __future__ import annotations

import pytest

from p0_access.permissions.permission import Kind, Permission, relation
from p0_agent.config import Ceiling
from p0_agent.core import ceiling
from p0_agent.errors import RefusedError

LARGE_OBJECT = Permission(Kind.LARGE_OBJECT, None, "4711", None, "SELECT")
TEMPORARY = Permission(Kind.DATABASE, None, "d", None, "TEMPORARY")


def check(permission: Permission, limits: Ceiling | None = None) -> None:
    ceiling.check((permission,), limits or Ceiling(), schemas=frozenset({"s"}), live=0)


@pytest.mark.parametrize(
    ("permission", "why"),
    [
        (Permission(Kind.SCHEMA, None, "s", None, "CREATE"), "changes what names mean"),
        (relation("s", "t", "TRIGGER"), "other people's privileges"),
        (Permission(Kind.FOREIGN_SERVER, None, "f", None, "USAGE"), "foreign tables"),
        (Permission(Kind.LARGE_OBJECT, None, "4711; DROP", None, "SELECT"), "not something that is granted"),
        (Permission(Kind.FUNCTION, "s", "f(integer", None, "EXECUTE"), "not something that is granted"),
    ],
)
def test_what_is_never_granted_has_a_reason(permission: Permission, why: str) -> None:
    everything = Ceiling(privileges=("CREATE", "TRIGGER", "USAGE", "SELECT", "EXECUTE"), kinds=tuple(Kind))
    with pytest.raises(RefusedError, match=why) as caught:
        check(permission, everything)
    assert caught.value.code == "permission_unsupported"


def test_large_objects_are_named_and_temporary_tables_are_left_out() -> None:
    check(TEMPORARY)
    with pytest.raises(RefusedError, match="more than this agent ever grants"):
        check(TEMPORARY, Ceiling(privileges=("CONNECT", "SELECT")))
    with pytest.raises(RefusedError, match="more than this agent ever grants"):
        check(LARGE_OBJECT)
    check(LARGE_OBJECT, Ceiling(kinds=(*Ceiling().kinds, Kind.LARGE_OBJECT)))


@pytest.mark.parametrize("kind", [Kind.FUNCTION, Kind.TYPE])
def test_functions_and_types_are_in_managed_schemas(kind: Kind) -> None:
    privilege = "EXECUTE" if kind is Kind.FUNCTION else "USAGE"
    check(Permission(kind, "s", "f()", None, privilege))
    with pytest.raises(RefusedError, match="does not manage the schema"):
        check(Permission(kind, "elsewhere", "f()", None, privilege))
