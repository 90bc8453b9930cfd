"""`p0 audit`: an agent's evidence, examined where nobody can bend it. Works offline, on a file."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from p0_launcher.commands.common import Json, note, out, out_json, run
from p0_launcher.errors import UnverifiedError, UsageError

if TYPE_CHECKING:
    from p0_access.messages.records import LogHead
    from p0_launcher.audit.copies import Copy

app: Final = typer.Typer(name="audit", help="Examine an agent's evidence, offline.", rich_markup_mode=None)

File = Annotated[Path, typer.Argument(help="What `p0 agent audit` wrote.")]
Agent = Annotated[
    list[str] | None,
    typer.Option("--agent", metavar="THUMBPRINT", help="An agent to trust, besides those of the profile."),
]
Heads = Annotated[
    list[str] | None,
    typer.Option("--head", metavar="N:HASH", help="A head known from elsewhere; those this machine saw count anyway."),
]


@app.command()
def verify(file: File, *, agent: Agent = None, head: Heads = None, json: Json = False) -> None:
    """Tell whether a log is whole, and if not, what is wrong.

    Gaps, edits, forks and truncations are told apart, each by its place.

    Example: p0 audit verify evidence.jsonl
    """
    from p0_access.proof.evidence import examine

    copy = _copy(file, agent)
    heads = (*map(_head, head or ()), *_seen(copy.key.thumbprint))
    findings = examine(copy.entries, key=copy.key, heads=heads)
    if json:
        out_json({"agent": copy.key.thumbprint, "entries": len(copy.entries), "heads": heads, "findings": findings})
    else:
        for finding in findings:
            out(f"{finding.what:<10}  {finding.message}")
        known = f"{len(heads)} known heads" if len(heads) != 1 else "1 known head"
        note(f"p0: {len(copy.entries)} entries of agent {copy.key.thumbprint}, held against {known}")
    if findings:
        raise UnverifiedError(
            f"the log is not as it was written: {', '.join(dict.fromkeys(each.what for each in findings))}",
            code="evidence_broken",
            hint="Keep this file, and ask who can write to the agent's database.",
        )
    note("p0: the log is whole")


@app.command()
def log(file: File, *, agent: Agent = None, json: Json = False) -> None:
    """Print what a log says, one line an entry.

    Example: p0 audit log evidence.jsonl
    """
    import time

    from p0_launcher.audit.telling import tell
    from p0_launcher.render import table
    from p0_launcher.text import line

    told = [tell(entry) for entry in _copy(file, agent).entries]
    if json:
        for each in told:
            out_json(each)
        return
    rows = [
        (
            str(each.n),
            time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(each.at)),
            line(each.kind, 12),
            (each.about or "")[:8],
            line(each.text, 160),
        )
        for each in told
    ]
    out(table(("N", "AT (UTC)", "KIND", "REQUEST", "WHAT"), rows))


@app.command()
def export(
    file: File,
    *,
    agent: Agent = None,
    style: Annotated[str, typer.Option("--format", metavar="jsonl|cef", help="JSON lines, or CEF for a SIEM.")] = "cef",
) -> None:
    """Print a log in a form that other programs take.

    Example: p0 audit export evidence.jsonl --format cef
    """
    from p0_launcher.audit.telling import cef, tell

    copy = _copy(file, agent)
    if style not in {"jsonl", "cef"}:
        raise UsageError(f"there is no format {style!r}", code="usage", hint="--format jsonl or --format cef")
    for entry in copy.entries:
        told = tell(entry)
        if style == "cef":
            out(cef(told, agent=copy.key.thumbprint))
        else:
            out_json(told)


@app.command()
def receipt(
    file: Annotated[Path, typer.Argument(help="What `p0 show ID --json` printed.")],
    *,
    agent: Agent = None,
    json: Json = False,
) -> None:
    """Check the receipt of an access that has ended.

    That is its agent's signature, and whether anything is left.

    Example: p0 show r-5kq2m7xa --json > receipt.json && p0 audit receipt receipt.json
    """
    from p0_launcher.audit.receipts import read_receipt
    from p0_launcher.text import line

    checked = read_receipt(file, trusted=_trusted(agent))
    if json:
        out_json(checked)
    else:
        out(f"{line(checked.login, 80)} is gone: {checked.cause}")
    if checked.residue:
        raise UnverifiedError(
            f"the agent says that something is left: {line(', '.join(checked.residue), 400)}", code="residue"
        )


@app.command()
def forget(
    agent: Annotated[str, typer.Argument(metavar="THUMBPRINT", help="The agent whose database was restored.")],
) -> None:
    """Forget how far an agent's evidence and catalogs had come.

    Do so after its administrators have said why they went back.

    Example: p0 audit forget Zk3…
    """

    async def main() -> bool:
        from p0_launcher.commands.common import profile
        from p0_launcher.connection import open_wallet

        async with open_wallet(profile()).changing() as draft:
            known = agent in draft.contents.heads or agent in draft.contents.catalogs
            draft.contents = draft.contents.without_agent(agent)
        return known

    if not run(main()):
        raise UsageError(
            f"nothing of {agent} was seen from here", code="head_unknown", hint="The error that sent you here names it"
        )
    note("p0: forgotten; what it signs next says where it is now")


def _trusted(agents: list[str] | None) -> frozenset[str]:
    """The agents of the profile, if there is one, and those named."""
    from p0_launcher.errors import ConfigurationError
    from p0_launcher.profile import load

    named = frozenset(agents or ())
    try:
        return named | load().agents
    except ConfigurationError:
        if named:
            return named
        raise


def _copy(file: Path, agents: list[str] | None) -> Copy:
    from p0_launcher.audit.copies import read_copy

    return read_copy(file, trusted=_trusted(agents))


def _seen(thumbprint: str) -> tuple[LogHead, ...]:
    """The last head that came to this machine in a credential."""
    from p0_access.errors import P0Error
    from p0_launcher.connection import open_wallet
    from p0_launcher.profile import load

    with contextlib.suppress(P0Error):  # an auditor's machine has no profile, and needs none
        seen = run(open_wallet(load()).read()).heads.get(thumbprint)
        return () if seen is None else (seen.head,)
    return ()


def _head(text: str) -> LogHead:
    import msgspec

    from p0_access.messages.records import LogHead

    number, _, h = text.partition(":")
    try:
        return msgspec.convert({"n": int(number), "h": h}, LogHead)
    except (ValueError, msgspec.ValidationError) as error:
        raise UsageError(f"{text!r} is no head", code="usage", hint="--head 17:<43 letters>") from error
