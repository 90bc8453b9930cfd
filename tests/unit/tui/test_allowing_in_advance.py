"""Allowances and delegations from the terminal UI: restated before they are signed, listed, withdrawn."""

from __future__ import annotations

from textual.pilot import Pilot

from fix_tui import ISS, World, running, screen_text, shows, until
from p0_access.permissions.permission import Kind, Permission, column, connect, relation, usage
from p0_access.proof import jws
from p0_launcher.grants import parse_grants
from p0_launcher.mandates import Allowance, Delegating
from p0_tui.screens.allow import AllowScreen
from p0_tui.screens.confirm import ConfirmScreen
from p0_tui.screens.work import WorkScreen
from p0_tui.specs import specs
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.safe_area import SafeArea
from p0_tui.widgets.safe_input import SafeInput


async def command(pilot: Pilot[None], name: str) -> None:
    """From the palette, as a person finds it."""
    found = [item for item in pilot.app.get_system_commands(pilot.app.screen) if item.title == name]
    found[0].callback()


def put(pilot: Pilot[None], selector: str, value: str) -> None:
    pilot.app.screen.query_one(selector, SafeInput).value = value


async def test_an_allowance_begins_with_the_drafts_permissions_and_is_restated_before_it_is_signed(
    world: World,
) -> None:
    async with running(world) as pilot:
        pilot.app.screen.query_one(Editor).text = "select email, name from enterprise.customers"
        await shows(pilot, "NEEDS APPROVAL")
        await command(pilot, "Allow")
        await until(pilot, lambda: isinstance(pilot.app.screen, AllowScreen), "the form")
        assert pilot.app.screen.query_one(SafeArea).text == "SELECT on enterprise.customers(email, name)"
        await pilot.press("ctrl+j")
        await shows(pilot, "Say whose requests.")
        put(pilot, "#allow-who", "sam@corp.example")
        put(pilot, "#allow-uses", "3")
        put(pilot, "#allow-comment", "month's end")
        await pilot.press("ctrl+j")
        await shows(
            pilot,
            "You approve 3 requests of sam@corp.example (https://id.example) on mydatabase, by statement,",
            "each for at most 1h, for any statement within",
            "SELECT on enterprise.customers (email, name)",
            "Enter signs",
        )
        assert world.mandated == []
        await pilot.press("enter")
        await shows(pilot, "m-8f210001 stands. ^O m lists it, d there withdraws it.")
        (allowance,) = world.mandated
        assert isinstance(allowance, Allowance)
        assert (allowance.person.email, allowance.person.iss, allowance.uses) == ("sam@corp.example", ISS, 3)
        assert (allowance.ttl, allowance.lifetime, allowance.comment) == (3600, 8 * 3600, "month's end")
        assert column("enterprise", "customers", "email", "SELECT") in allowance.permissions


async def test_all_that_a_long_allowance_gives_can_be_read_above_what_the_keys_do(world: World) -> None:
    async with running(world) as pilot:
        await command(pilot, "Allow")
        await until(pilot, lambda: isinstance(pilot.app.screen, AllowScreen), "the form")
        put(pilot, "#allow-who", "sam@corp.example")
        pilot.app.screen.query_one(SafeArea).text = "\n".join(f"SELECT on enterprise.t{each}" for each in range(80))
        await pilot.press("ctrl+j")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen), "the question")
        await until(pilot, lambda: "You approve" in screen_text(pilot), "the first line")
        assert "enterprise.t79" not in screen_text(pilot)
        assert "Enter signs" in screen_text(pilot)
        await pilot.press("end")
        await until(pilot, lambda: "enterprise.t79" in screen_text(pilot), "the last line")
        assert "Enter signs" in screen_text(pilot)


async def test_an_allowance_that_cannot_be_read_says_why_and_esc_signs_nothing(world: World) -> None:
    async with running(world) as pilot:
        await command(pilot, "Allow")
        await until(pilot, lambda: isinstance(pilot.app.screen, AllowScreen), "the form")
        put(pilot, "#allow-who", "sam@corp.example")
        await pilot.press("ctrl+j")
        await shows(pilot, "Say which permissions")
        pilot.app.screen.query_one(SafeArea).text = "everything on enterprise"
        await pilot.press("ctrl+j")
        await shows(pilot, "is not a grant")
        pilot.app.screen.query_one(SafeArea).text = "SELECT on enterprise.markets"
        for field, value, said in (
            ("#allow-uses", "0", "How many requests: 1 to 1000."),
            ("#allow-for", "8d", "Stands for: at most 7d."),
            ("#allow-kinds", "role", "Asked for as: statement, or grant"),
        ):
            before = pilot.app.screen.query_one(field, SafeInput).value
            put(pilot, field, value)
            await pilot.press("ctrl+j")
            await shows(pilot, said)
            put(pilot, field, before)
        await pilot.press("ctrl+j")
        await shows(pilot, "Enter signs")
        await pilot.press("escape")
        await shows(pilot, "Nothing was signed.")
        assert world.mandated == []


async def test_a_delegation_is_signed_listed_and_withdrawn(world: World) -> None:
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "m")
        await shows(pilot, "None: a approves in advance, s lets somebody approve in your place.")
        await pilot.press("s")
        await shows(pilot, "Let somebody approve in your place")
        put(pilot, "#delegate-who", "sam@corp.example")
        put(pilot, "#delegate-groups", "privacy, dba")
        await pilot.press("enter")
        await shows(pilot, "sam@corp.example (https://id.example) may approve in your place, as one of privacy, dba,")
        await pilot.press("enter")
        await shows(pilot, "delegation", "delegates to sam@corp.example", "8:00:00 left")
        (delegating,) = world.mandated
        assert isinstance(delegating, Delegating)
        assert (delegating.groups, delegating.lifetime) == (("privacy", "dba"), 8 * 3600)
        await pilot.press("d")
        await shows(
            pilot,
            "You withdraw the delegation m-8f210001: sam@corp.example (https://id.example) may",
            "in the place of who signed it, as one of privacy, dba, until",
            "Enter signs that it ends now",
        )
        await pilot.press(*"back early", "enter")
        signed = jws.record_hash(world.standing["m-8f210001"].request)
        await until(pilot, lambda: world.revoked == [("m-8f210001", signed, "back early")], "it is withdrawn")
        await shows(pilot, "✗ revoked")
        await pilot.press("d")
        await shows(pilot, "It is over already.")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkScreen), "back")


def test_permissions_are_written_as_the_command_line_reads_them() -> None:
    permissions = (
        column("s p", 'T"', "a b", "SELECT"),
        column("s p", 'T"', "user", "SELECT"),
        relation("enterprise", "orders", "DELETE"),
        Permission(Kind.SEQUENCE, "enterprise", "ids", None, "USAGE"),
        Permission(Kind.FUNCTION, "enterprise", "rate(integer, date)", None, "EXECUTE"),
    )
    carried = (connect("d"), usage("s p"), usage("enterprise"))
    assert set(parse_grants("d", specs((*permissions, *carried))).grant or ()) == {*permissions, *carried}
