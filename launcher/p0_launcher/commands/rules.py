"""`p0 rules`: for those who write rules. `check` and `test` need no network, so they run in CI.

Exit status: 0 all is well, 1 something was found (a warning with --strict, a failed case, a change that matters),
78 for rules that cannot be used.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from p0_launcher.commands.common import Json, note, out, out_json, profile, run
from p0_launcher.completion import request_ids
from p0_launcher.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from p0_access.permissions.catalog import Catalog
    from p0_access.routing.rules import RuleSet
    from p0_launcher.rules.cases import Ran
    from p0_launcher.rules.drafts import Draft
    from p0_launcher.rules.replay import Recorded

FOUND: Final = 1
FAIL_ON: Final = {"wider": {"wider"}, "any": {"wider", "narrower", "other"}, "never": set[str]()}

app = typer.Typer(
    rich_markup_mode=None,
    help="Check, test, explain and replay rules.",
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The rules.")]
Directory = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The directory file that server and agent read: who is in what.")
]


@app.command()
def check(
    file: File,
    *,
    group: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A group that there is; other names warn. Repeatable.")
    ] = None,
    directory: Directory = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if there are warnings.")] = False,
    json: Json = False,
) -> None:
    """Say whether rules can be used, and what looks like a mistake.

    Example: p0 rules check rules.yaml --strict
    """
    from p0_access.routing.lint import KnownGroups, lint
    from p0_launcher.rules.files import read_directory, read_rules
    from p0_launcher.text import shown

    rules = read_rules(file)
    known: KnownGroups | None = None
    if group or directory is not None:
        listed = KnownGroups.of(read_directory(directory), "" if directory is None else directory.name)
        source = " and ".join(filter(None, ["--group" if group else "", listed.source]))
        members = None if group else listed.members  # nobody says who is in those of --group
        known = KnownGroups(names=listed.names.union(group or ()), source=source, members=members)
    found = lint(rules, groups=known)
    if json:
        out_json({"sha256": rules.sha256, "rules": len(rules.rules), "findings": found})
    else:
        for each in found:
            out(shown(f"{file}:{each.line}: warning: {each.message}"))
        out(f"{file}: {len(rules.rules)} rules, SHA-256 {rules.sha256}")
    if strict and found:
        raise typer.Exit(FOUND)


@app.command("test")
def run_cases(
    file: File,
    cases: Annotated[list[Path], typer.Argument(metavar="CASES…", help="Files of test cases.")],
    *,
    directory: Directory = None,
    json: Json = False,
) -> None:
    """Run test cases against rules. With a directory file, its groups count beside those of a case.

    Example: p0 rules test rules.yaml cases.yaml
    """
    from p0_launcher.files import read_bytes
    from p0_launcher.rules import cases as testing
    from p0_launcher.rules.files import read_directory, read_rules
    from p0_launcher.rules.report import failing

    rules, known = read_rules(file), read_directory(directory)
    ran: list[Ran] = []
    for path in cases:
        beside = partial(_catalog_beside, path)
        loaded = testing.load_cases(read_bytes(path), source=str(path), catalog=beside, directory=known)
        of_file = [testing.run(rules, case) for case in loaded]
        ran += of_file
        if not json:
            for line in failing(path, of_file):
                out(line)
    failures = [each for each in ran if each.problems]
    if json:
        out_json([{"name": each.case.name, "line": each.case.line, "problems": each.problems} for each in ran])
    else:
        out(f"{len(ran) - len(failures)} of {len(ran)} cases hold")
    if failures:
        raise typer.Exit(FOUND)


@app.command()
def explain(
    rid: Annotated[str | None, typer.Argument(metavar="[ID]", help="A request.", autocompletion=request_ids)] = None,
    *,
    rules: Annotated[Path | None, typer.Option("--rules", metavar="FILE", help="Offline, by these rules.")] = None,
    catalog: Annotated[Path | None, typer.Option(metavar="FILE", help="What `p0 ls NAME --json` printed.")] = None,
    command: Annotated[list[str] | None, typer.Option("-c", "--command", metavar="SQL")] = None,
    grant: Annotated[list[str] | None, typer.Option(metavar="GRANT", help="'SELECT on schema.table(column)'.")] = None,
    group: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A group of who asks. Repeatable.")] = None,
    subject: Annotated[str, typer.Option(metavar="SUBJECT", help="Who asks.")] = "somebody",
    email: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Their verified address.")] = None,
    issuer: Annotated[str, typer.Option(metavar="URL", help="Their identity provider.")] = "https://id.example",
    directory: Directory = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="The reason that they give.")] = "",
    break_glass: Annotated[bool, typer.Option("--break-glass", help="They ask for it as an emergency.")] = False,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When: 2026-01-05T12:00:00+01:00. Now, if not said.")
    ] = None,
) -> None:
    """Tell each rule that was considered, and why it matched or not.

    That is for a request, or for SQL and rules in a file.

    Example: p0 rules explain --rules rules.yaml --catalog sales.json --group analysts -c "select 1"
    """
    if rid is not None:
        if rules is not None or command or grant or break_glass or directory is not None:
            raise UsageError(
                "a request is explained as it was decided; leave out the rest", code="usage", hint="p0 rules explain ID"
            )
        run(_explain_request(rid))
        return
    if rules is None or catalog is None or bool(command) == bool(grant):
        raise UsageError(
            "name a request, or --rules, --catalog, and SQL or --grant", code="usage", hint="p0 rules explain --help"
        )
    from p0_access.messages.records import What
    from p0_access.routing.decision import Requestor
    from p0_launcher.grants import parse_grants
    from p0_launcher.rules.drafts import Draft
    from p0_launcher.rules.files import read_catalog, read_directory, read_rules

    known = read_catalog(catalog)
    person = Requestor(iss=issuer, sub=subject, email=email, groups=tuple(group or ()))
    draft = Draft(
        requestor=read_directory(directory).joined(person),
        catalog=known,
        what=What(statement=tuple(command)) if command else parse_grants(known.database, grant or ()),
        reason=reason,
        break_glass=break_glass,
        at=_instant(at),
    )
    _explain_draft(read_rules(rules), draft)


@app.command()
def replay(
    file: File,
    *,
    source: Annotated[Path | None, typer.Option("--from", metavar="EXPORT", help="Instead of the server.")] = None,
    save: Annotated[Path | None, typer.Option(metavar="EXPORT", help="Keep what the server told, for --from.")] = None,
    limit: Annotated[
        int, typer.Option(metavar="COUNT", help="At most so many requests, the newest.", min=1, max=500)
    ] = 500,
    fail_on: Annotated[str, typer.Option(metavar="wider|any|never", help="What makes it exit with 1.")] = "wider",
    json: Json = False,
) -> None:
    """Hold new rules against recorded requests.

    What would be decided otherwise is told, and what becomes automatic.

    The requests are those that you may see; the catalog is the one of now.

    Example: p0 rules replay new-rules.yaml --fail-on any
    """
    from p0_launcher.rules import recordings
    from p0_launcher.rules import replay as replaying
    from p0_launcher.rules.files import read_rules
    from p0_launcher.rules.report import replayed

    if fail_on not in FAIL_ON:
        raise UsageError(
            "--fail-on is wider, any or never", code="usage", hint="--fail-on wider fails when anybody gets more"
        )
    if source is not None and save is not None:
        raise UsageError(
            "--save keeps what the server told; with --from it is not asked", code="usage", hint="Leave one of them out"
        )
    rules = read_rules(file)
    recorded = run(_recorded(limit)) if source is None else list(recordings.from_export(source))
    if save is not None:
        recordings.keep(recorded, save)
    found = replaying.replay(rules, recorded)
    if json:
        out_json(
            {
                "requests": found.requests,
                "changes": found.changes,
                "automatic": [str(each) for each in found.automatic],
                "not_automatic": [str(each) for each in found.not_automatic],
                "skipped": found.skipped,
            }
        )
    else:
        for line in replayed(found):
            out(line)
    for database in found.skipped:
        note(f"p0: the requests for {database} are left out: its catalog is not there")
    if any(each.direction in FAIL_ON[fail_on] for each in found.changes):
        raise typer.Exit(FOUND)


@app.command()
def schema() -> None:
    """Print the JSON Schema of rules, for editors.

    Example: p0 rules schema > rules.schema.json
    """
    from p0_access.routing.schema import schema_text

    sys.stdout.write(schema_text())


def _catalog_beside(cases: Path, name: str) -> Catalog:
    from p0_launcher.rules.files import read_catalog

    return read_catalog(cases.parent / name)


async def _explain_request(rid: str) -> None:
    from p0_access.routing.decision import Decision
    from p0_launcher.connection import connect
    from p0_launcher.render import decision_lines, trace_lines
    from p0_launcher.review import admitted

    async with connect(profile()) as connection:
        view = await connection.api.request(rid)
        decision: Decision = admitted(view, pins=connection.profile.agents).record.rules.decision
    out("\n".join((*decision_lines(decision), "", *trace_lines(decision))))


def _instant(text: str | None) -> datetime:
    from datetime import UTC, datetime

    from p0_access.routing.patterns import PatternError
    from p0_launcher.rules.cases import instant

    if text is None:
        return datetime.now(UTC)
    try:
        return instant(text)
    except PatternError as error:
        raise UsageError(f"--at: {error}", code="usage", hint=error.hint) from error


def _explain_draft(rules: RuleSet, draft: Draft) -> None:
    from p0_launcher.render import decision_lines, trace_lines
    from p0_launcher.rules.drafts import decide

    decided = decide(rules, draft)
    out("\n".join((*decision_lines(decided.decision), "", *trace_lines(decided.decision))))
    if decided.reason_problem is not None:
        out(f"\n  of a request for it: {decided.reason_problem}")


async def _recorded(limit: int) -> list[Recorded]:
    from p0_launcher.connection import connect
    from p0_launcher.rules.recordings import from_server

    async with connect(profile()) as connection:
        return await from_server(connection, limit, note)
