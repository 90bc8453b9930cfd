"""`p0 login`, `p0 whoami`."""

from __future__ import annotations

import secrets
import threading
import time
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from p0_launcher.commands.common import Json, ask, interactive, note, out, out_json, profile, run, seconds
from p0_launcher.errors import LauncherError, UsageError

if TYPE_CHECKING:
    from p0_launcher.profile import Profile, ProfileTable
    from p0_launcher.wallet import StoredSession


def login(
    *,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="The control plane's URL; makes or changes the profile.")
    ] = None,
    issuer: Annotated[str | None, typer.Option(metavar="URL", help="The identity provider's URL.")] = None,
    client_id: Annotated[str | None, typer.Option(metavar="ID", help="The launcher's client id there.")] = None,
    paste_client_id: Annotated[
        str | None, typer.Option(metavar="ID", help="The client id for machines without a browser, if there is one.")
    ] = None,
    agent: Annotated[
        list[str] | None, typer.Option(metavar="THUMBPRINT", help="Trust this agent's key, by thumbprint. Repeatable.")
    ] = None,
    insecure_storage: Annotated[
        bool, typer.Option("--insecure-storage", help="Keep secrets in a 0600 file, not in the keyring.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the URL to open.")] = False,
    identity_token_from: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="As a program: github, or command:ARGUMENTS with {audience}.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="The loopback port to come back to; 0 is any free one.")
    ] = None,
    timeout: Annotated[str, typer.Option(metavar="TIME", help="How long to wait for the browser.")] = "5m",
    json: Json = False,
) -> None:
    """Sign in with the identity provider, in the browser.

    On a machine without a browser, forward a port to it, and open the printed URL where the browser is:

    \b
        ssh -L 8765:127.0.0.1:8765 host
        p0 login --no-browser --port 8765

    Where no port can be forwarded, and the profile has a client id for it, --no-browser without --port takes the URL at
    which the browser ended. Such a sign-in lasts an hour at most, and approves nothing.

    A program signs in with a token of the platform that it runs on:

    \b
        p0 login --identity-token-from github
        p0 login --identity-token-from "command:kubectl create token deployer --audience {audience}"

    A first sign-in names where to, and which agents to trust:

        p0 login --server https://p0.example --issuer https://id.example --client-id p0 --agent THUMBPRINT
    """
    from p0_launcher.profile import in_use, save, stored
    from p0_launcher.render import clock

    name, existing = stored()
    given = {"server": server, "issuer": issuer, "client_id": client_id, "paste_client_id": paste_client_id}
    if identity_token_from is not None and existing is None:
        given["client_id"] = client_id or "p0"  # of people; this is none
    table = _changed(existing, given, agent, insecure_storage=insecure_storage)
    used = in_use(name, table)
    if used.storage == "file":
        note(f"p0: WARNING: secrets are kept in {used.directory}, readable by any program of yours, not in a keyring")
    session = run(
        _sign_in(
            used,
            open_browser=not no_browser,
            source=identity_token_from,
            port=port,
            patience=seconds(timeout, "--timeout") or 0,
        )
    )
    if table != existing:
        used = save(name, table)
    who = run(_greet(name, table, used)) or session.subject.sub
    note(f"p0: signed in as {who} until {clock(session.until)}")
    if json:
        out_json({"profile": name, "subject": session.subject, "groups": session.groups, "until": session.until})


def whoami(*, json: Json = False) -> None:
    """Who the server takes you for.

    Example: p0 whoami --json
    """
    run(_whoami(profile(), json=json))


def _changed(
    existing: ProfileTable | None,
    given: dict[str, str | None],
    agents: list[str] | None,
    *,
    insecure_storage: bool,
) -> ProfileTable:
    import msgspec

    from p0_launcher.profile import URL_HINT, ProfileTable, is_url

    known = {} if existing is None else msgspec.to_builtins(existing)
    known |= {key: value for key, value in given.items() if value is not None}
    missing = [f"--{key.replace('_', '-')}" for key in ("server", "issuer", "client_id") if key not in known]
    if missing:
        raise UsageError(
            f"there is no such profile yet: {', '.join(missing)} must say where to sign in",
            code="profile_missing",
            hint="p0 login --help shows a first sign-in; p0 demo runs everything on this machine",
        )
    known["agents"] = list(dict.fromkeys((*known.get("agents", ()), *(agents or ()))))
    if insecure_storage:
        known["storage"] = "file"
    for key in ("server", "issuer"):
        if not is_url(known[key]):
            raise UsageError(
                f"--{key}: {known[key]!r} is not an http or https URL", code="profile_invalid", hint=URL_HINT
            )
    try:
        return msgspec.convert(known, ProfileTable)
    except msgspec.ValidationError as error:
        raise UsageError(str(error), code="profile_invalid", hint="p0 login --help shows a first sign-in") from error


async def _sign_in(
    used: Profile, *, open_browser: bool, source: str | None, port: int | None, patience: int
) -> StoredSession:
    from p0_launcher.connection import open_wallet
    from p0_launcher.login.keeping import keep_session, session_in

    wallet = open_wallet(used)
    await session_in(wallet)  # a keyring that refuses must say so before anybody is sent to a browser
    session = await _signed_in(used, open_browser=open_browser, source=source, port=port, patience=patience)
    await keep_session(wallet, session)
    return session


async def _signed_in(
    used: Profile, *, open_browser: bool, source: str | None, port: int | None, patience: int
) -> StoredSession:
    """In one of the three ways: as a program, by pasting, or in the browser."""
    from p0_launcher.login.flow import sign_in, sign_in_as_workload, sign_in_by_pasting
    from p0_launcher.login.provider import IdentityProvider

    provider = IdentityProvider(used, clock=time.time)
    if source is not None:
        return await sign_in_as_workload(provider, source=source, random=secrets.token_bytes)
    if not open_browser and port is None and not used.port and used.paste_client_id is not None:
        return await sign_in_by_pasting(used, provider, ask=_pasted, random=secrets.token_bytes)

    def show_url(url: str, listening: int) -> None:
        if open_browser:
            note("p0: opening the browser to sign in; if nothing happens, open this URL:")
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        else:
            note(f"p0: open this URL in a browser that reaches 127.0.0.1:{listening} of this machine:")
        note(f"  {url}")

    return await sign_in(
        used,
        provider,
        show_url=show_url,
        random=secrets.token_bytes,
        port=used.port if port is None else port,
        patience=patience,
    )


async def _pasted(url: str) -> str:
    """Nobody should paste what somebody else sent them: that would be their sign-in, here."""
    import asyncio

    note("p0: open this URL in your own browser, and sign in:")
    note(f"  {url}")
    note("p0: it ends at an address that cannot be reached. Never paste an address that somebody sent you.")
    return await asyncio.to_thread(ask, "Paste that address:")


async def _greet(name: str, table: ProfileTable, used: Profile) -> str | None:
    """The address that the server knows one by, and first use: agents that the profile does not trust are shown, and
    trusted if somebody at a terminal compares the fingerprint. A server that does not answer is no reason to fail."""
    import msgspec

    from p0_launcher.connection import connect
    from p0_launcher.profile import save

    try:
        async with connect(used) as connection:
            me = await connection.api.me()
            databases = await connection.api.databases()
    except LauncherError as error:
        note(f"p0: signed in, but {error}")
        return None
    for thumbprint in sorted({view.agent for view in databases} - used.agents):
        serves = ", ".join(view.name for view in databases if view.agent == thumbprint)
        note(f"p0: this profile does not trust the agent {thumbprint}, which serves {serves}")
        if not interactive():
            note(f"hint: if your administrators published this key: p0 login --agent {thumbprint}")
        elif (
            ask("Compare it with what your administrators published; type its first 8 characters to trust it:")
            == (thumbprint[:8])
        ):
            table = msgspec.structs.replace(table, agents=(*table.agents, thumbprint))
            save(name, table)
    return me.subject.email


async def _whoami(used: Profile, *, json: bool) -> None:
    from p0_launcher.connection import connect
    from p0_launcher.render import clock, table

    async with connect(used) as connection:
        me = await connection.api.me()
        until = connection.session.until
    if json:
        out_json({"subject": me.subject, "groups": me.groups, "until": until, "profile": used.name})
        return
    rows = [
        ("subject", me.subject.sub),
        ("email", me.subject.email or "-"),
        ("issuer", me.subject.iss),
        ("groups", ", ".join(me.groups) or "-"),
        ("signed in until", clock(until)),
        ("profile", used.name),
    ]
    out(table(("server", used.server), rows))
