"""`p0 directory`: for those who run servers and agents. Each of these follows a file; this fills one.

Exit status: 0 the file is what the service says, 69 the service does not say it, 78 for what is configured wrong. The
file is left alone but for 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from p0_launcher.commands.common import note, out, run
from p0_launcher.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from p0_access.secret import Secret
    from p0_launcher.directory.file import State
    from p0_launcher.directory.scim import Snapshot

MAX_TOLD: Final = 20
MAX_TOKEN_BYTES: Final = 16 * 1024

app = typer.Typer(rich_markup_mode=None, help="Fill the file that says who is in which group.")


@app.callback()
def directory() -> None:
    """Fill the file that says who is in which group."""


@app.command()
def sync(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The directory file, TOML, which is replaced.")],
    *,
    source: Annotated[str, typer.Option("--from", metavar="URL", help="The SCIM service: https://…/scim/v2.")],
    token_file: Annotated[Path, typer.Option(metavar="FILE", help="The bearer token for it.")],
    issuer: Annotated[str, typer.Option(metavar="URL", help="The identity provider that these people sign in with.")],
    person: Annotated[
        str, typer.Option(metavar="email|userName|externalId|id", help="What of them stands in its tokens.")
    ] = "email",
    group: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Only these groups. Repeatable.")] = None,
) -> None:
    """Replace a directory file by what a SCIM 2.0 service says now. A bad answer changes nothing.

    Example: p0 directory sync groups.toml --from https://id.example.com/scim/v2 --token-file scim.token
    --issuer https://id.example.com
    """
    from p0_access.encoding import sha256_b64u
    from p0_access.routing.patterns import PatternError
    from p0_access.routing.people import parse_issuer
    from p0_launcher.directory import file as kept
    from p0_launcher.directory.membership import PERSON_BY, membership

    by = next((each for each in PERSON_BY if each == person), None)
    if by is None:
        raise UsageError(
            f"--person is one of: {', '.join(PERSON_BY)}",
            code="usage",
            hint="It says by which of these the issuer's tokens name people",
        )
    if file.suffix.lower() == ".csv":
        raise UsageError(f"{file} would be read as CSV, and TOML is written", code="usage", hint="groups.toml")
    try:
        parse_issuer(issuer)
    except PatternError as error:
        raise UsageError(f"--issuer: {error}", code="usage", hint=error.hint) from error
    asked = kept.Asked(source=source, issuer=issuer, by=by, only=tuple(group or ()))
    found = run(_read(source, _token(token_file), kept.state_of(file, asked)))
    if found is None:
        kept.write(file, file.read_bytes())
        out(f"{file}: unchanged")
        return
    made = membership(found.users, found.groups, issuer=issuer, by=by, only=asked.only)
    data = kept.toml(made.groups, asked)
    changed = kept.write(file, data)
    kept.keep_state(file, kept.State(v=1, asked=asked, sha256=sha256_b64u(data), marks=found.marks))
    people = {each for members in made.groups.values() for each in members}
    out(f"{file}: {'' if changed else 'unchanged, '}{len(made.groups)} groups, {len(people)} people")
    _tell(made.left_out)


async def _read(source: str, token: Secret, state: State | None) -> Snapshot | None:
    """None where nothing changed since."""
    from p0_launcher.directory.scim import connect

    async with connect(source, token) as service:
        if state is not None and await service.unchanged(state.marks):
            return None
        return await service.read()


def _token(path: Path) -> Secret:
    from p0_access.secret import Secret

    try:
        with path.open("rb") as opened:
            text = opened.read(MAX_TOKEN_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"cannot read a token from {path}",
            code="directory_token",
            hint="It must be there, and readable for whoever runs this",
        ) from error
    if len(text.split()) != 1 or not text.isprintable():  # one that no header can hold would be told in full
        raise ConfigurationError(
            f"{path} does not hold one token", code="directory_token", hint="One line, the token alone"
        )
    return Secret(text)


def _tell(left_out: tuple[str, ...]) -> None:
    for each in left_out[:MAX_TOLD]:
        note(f"p0: left out: {each}")
    if len(left_out) > MAX_TOLD:
        note(f"p0: left out: {len(left_out) - MAX_TOLD} more")
