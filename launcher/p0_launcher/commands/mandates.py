"""`p0 allow`, `p0 delegate`: signed now, for what comes later. What is signed is shown here first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from p0_launcher.commands.common import (
    Json,
    ask,
    interactive,
    note,
    out,
    out_json,
    profile,
    run,
    seconds,
    show_sign_in,
)
from p0_launcher.completion import databases
from p0_launcher.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from p0_access.messages.views import RequestSummary, RequestView
    from p0_launcher.mandates import Kind

User = Annotated[
    str | None,
    typer.Argument(metavar="USER", help="A verified address, a subject of your own issuer, or https://issuer#subject."),
]
For = Annotated[str, typer.Option("--for", metavar="TIME", help="How long it stands, such as 8h; at most 7d.")]
Comment = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")]
Yes = Annotated[bool, typer.Option("--yes", help="Sign without being asked.")]
Listing = Annotated[bool, typer.Option("--list", help="List those you signed or are named in.")]
Withdraw = Annotated[str | None, typer.Option("--revoke", metavar="ID", help="Withdraw one that you signed.")]


def allow(
    user: User = None,
    *,
    database: Annotated[
        str | None, typer.Option("-d", "--database", metavar="NAME", envvar="P0_DATABASE", autocompletion=databases)
    ] = None,
    grant: Annotated[
        list[str] | None, typer.Option(metavar="SPEC", help="'SELECT on schema.table(column)'. Repeatable.")
    ] = None,
    kinds: Annotated[
        str, typer.Option(metavar="KINDS", help="Which requests, by comma: statement, grant.")
    ] = "statement",
    uses: Annotated[int, typer.Option(metavar="COUNT", help="For so many requests.", min=1, max=1000)] = 1,
    lasting: For = "8h",
    ttl: Annotated[str, typer.Option(metavar="TIME", help="How long each access may last.")] = "1h",
    comment: Comment = "",
    listing: Listing = False,
    withdraw: Withdraw = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Approve in advance what somebody may ask for.

    It counts as your approval, as often as you say.

    Example: p0 allow dana@corp.example -d prod-sales --grant "SELECT on enterprise.orders" --uses 3 --for 8h
    """
    if _other_ways(user, listing=listing, withdraw=withdraw, kind="allow", json=json):
        return
    from p0_launcher.grants import parse_grants

    if database is None or not grant or user is None:
        raise UsageError(
            "allow whom, where, and what?", code="usage", hint="p0 allow USER -d NAME --grant 'SELECT on …'"
        )
    what = parse_grants(database, grant)
    lifetime, least = _lifetime(lasting), seconds(ttl, "--ttl") or 0
    asked = _kinds(kinds)

    async def main() -> RequestView | None:
        from p0_launcher import mandates, restating
        from p0_launcher.connection import connect

        async with connect(profile(), show_url=show_sign_in) as connection:
            await connection.workflow.database(database)  # a wrong name is told before anything is signed
            allowance = mandates.Allowance(
                person=mandates.named(user, own_issuer=connection.session.subject.iss),
                database=database,
                permissions=what.grant or (),
                kinds=asked,
                uses=uses,
                ttl=least,
                lifetime=lifetime,
                comment=comment,
            )
            note("\n".join(restating.allowance_lines(allowance, now=time.time())))
            return await mandates.allow(connection, allowance) if _confirmed(yes=yes) else None

    _finish([run(main())], json=json)


def delegate(
    user: User = None,
    *,
    lasting: For = "8h",
    groups: Annotated[str | None, typer.Option(metavar="GROUPS", help="Only as one of these groups, by comma.")] = None,
    comment: Comment = "",
    listing: Listing = False,
    withdraw: Withdraw = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Let somebody approve in your place while you are away.

    They never approve their own requests, nor yours.

    Example: p0 delegate sam@corp.example --for 1w --groups dba
    """
    if _other_ways(user, listing=listing, withdraw=withdraw, kind="delegation", json=json):
        return
    if user is None:
        raise UsageError("delegate to whom?", code="usage", hint="p0 delegate USER --for 1w")
    lifetime = _lifetime(lasting)
    narrowed = None if groups is None else tuple(part.strip() for part in groups.split(",") if part.strip())

    async def main() -> list[RequestView]:
        from p0_launcher import mandates, restating
        from p0_launcher.connection import connect

        async with connect(profile(), show_url=show_sign_in) as connection:
            await mandates.agents_to_delegate_at(connection)
            delegating = mandates.Delegating(
                person=mandates.named(user, own_issuer=connection.session.subject.iss),
                groups=narrowed,
                lifetime=lifetime,
                comment=comment,
            )
            note("\n".join(restating.delegation_lines(delegating, now=time.time())))
            return await mandates.delegate(connection, delegating) if _confirmed(yes=yes) else []

    _finish(run(main()), json=json)


def _other_ways(user: str | None, *, listing: bool, withdraw: str | None, kind: str, json: bool) -> bool:
    """--list and --revoke stand alone."""
    if not listing and withdraw is None:
        return False
    if (listing, withdraw is not None, user is not None).count(True) > 1:
        raise UsageError("--list, --revoke and USER exclude each other", code="usage", hint="One thing at a time")

    async def main() -> tuple[RequestSummary, ...] | RequestView:
        from p0_launcher import restating
        from p0_launcher.connection import connect

        async with connect(profile()) as connection:
            if withdraw is not None:
                what = await connection.workflow.ending(withdraw)
                note("\n".join(restating.ending_lines(what)))
                return await connection.workflow.revoke(what)
            return tuple(view for view in await connection.api.requests("mandates") if view.kind == kind)

    found = run(main())
    if not isinstance(found, tuple):
        _finish([found], json=json)
    elif json:
        out_json(found)
    elif found:
        from p0_launcher.render import mandates_table

        out(mandates_table(found))
    else:
        note("p0: none")
    return True


def _kinds(text: str) -> tuple[Kind, ...]:
    from p0_launcher.mandates import KINDS

    found = {part.strip() for part in text.split(",")}
    if not found <= set(KINDS):
        raise UsageError(f"--kinds: one or more of {', '.join(KINDS)}", code="usage", hint="--kinds statement,grant")
    return tuple(kind for kind in KINDS if kind in found)


def _lifetime(text: str) -> int:
    from p0_access.messages.records import MAX_TTL

    lifetime = seconds(text, "--for") or 0
    if lifetime > MAX_TTL:
        raise UsageError("--for: at most 7d", code="usage", hint="Sign anew when it is over")
    return lifetime


def _confirmed(*, yes: bool) -> bool:
    if yes:
        return True
    if not interactive():
        raise UsageError("nobody is at the terminal to confirm", code="not_interactive", hint="Add --yes")
    if ask("\nType y to sign:") in {"y", "yes"}:
        return True
    note("p0: nothing was signed")
    return False


def _finish(found: Sequence[RequestView | None], *, json: bool) -> None:
    from p0_launcher.outcome import ended_badly
    from p0_launcher.render import state_of

    if not found or found[0] is None:
        raise typer.Exit(1)
    for view in found:
        if view is None:
            continue
        if json:
            out_json(view)
        else:
            note(f"p0: {view.rid} is {state_of(view)}")
        if view.state.value in {"refused", "lapsed"}:
            raise ended_badly(view)
