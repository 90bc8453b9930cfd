"""`p0 server doctor`: is this installation set up as it should be, and how is the server that runs on it?

It looks and changes nothing: the configuration and the files it names, the store as the running server keeps it, the
agents as they were last heard, the identity providers. Each part is examined even if another is unfit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
import msgspec
from cryptography import x509

from p0_access.errors import P0Error
from p0_access.findings import Finding, Level, fact, failed
from p0_access.proof.issuers import workload_issuers
from p0_access.routing.directory import Directory, load_directory
from p0_access.routing.lint import KnownGroups, lint
from p0_access.routing.load import load as load_rules
from p0_access.routing.pins import check_pins
from p0_server.agents import about_evidence
from p0_server.config import AgentSettings, Settings, check_exposure
from p0_server.databases import ONLINE_SECONDS
from p0_server.jwks import KeyFetcher
from p0_server.notices import outbox
from p0_server.store.migrations import steps
from p0_server.store.protocol import Store
from p0_server.store.records import Remark, StoredAgent
from p0_server.store.sqlite import SqliteStore

CERTIFICATE_DAYS: Final = 21


async def examine(
    settings: Settings, clock: Callable[[], float], *, transport: httpx.AsyncBaseTransport | None = None
) -> tuple[Finding, ...]:
    """`transport` reaches identity providers."""
    sha256, about_rules = _rules(settings, clock)
    return (
        *_listening(settings, clock),
        *about_rules,
        *_notices(settings),
        *await _issuers(settings, clock, transport),
        *await _store(settings, sha256, clock),
    )


def _listening(settings: Settings, clock: Callable[[], float]) -> Iterator[Finding]:
    try:
        check_exposure(settings)
    except P0Error as error:
        yield failed("listen", error)
    if settings.behind_proxy:
        yield fact("listen", f"{settings.listen}, without TLS of its own: a proxy on a trusted network adds it")
    if settings.tls is None:
        return
    path = settings.path(settings.tls.certificate)
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        settings.path(settings.tls.key).read_bytes()
    except (OSError, ValueError) as error:
        yield Finding(level="error", place="tls", what=f"the certificate or its key: {error}")
        return
    days = (certificate.not_valid_after_utc - datetime.fromtimestamp(clock(), UTC)).days
    level: Level = "error" if days < 0 else "gap" if days < CERTIFICATE_DAYS else "fact"
    yield Finding(level=level, place="tls", what=f"the certificate is valid until {certificate.not_valid_after_utc:%F}")


def _rules(settings: Settings, clock: Callable[[], float]) -> tuple[str | None, list[Finding]]:
    """The hash of the rules in the file, and what there is to say about them and the directory."""
    found: list[Finding] = []
    directory: Directory | None = None
    if settings.groups is not None:
        path = settings.path(settings.groups)
        try:
            directory = load_directory(_bytes(path), source=str(path))
        except P0Error as error:
            found.append(failed("groups", error))
        else:
            written = _ago(int(path.stat().st_mtime), clock)
            what = f"SHA-256 {directory.sha256}, {len(directory.groups)} groups, written {written}"
            found.append(fact("groups", f"{what}; each agent's must be the same"))
    path = settings.path(settings.rules)
    try:
        rules = load_rules(_bytes(path), source=str(path))
        check_pins(rules, workload_issuers=workload_issuers(settings.issuers))
    except P0Error as error:
        return None, [*found, failed("rules", error)]
    found.append(fact("rules", f"{len(rules.rules)} rules, SHA-256 {rules.sha256}"))
    known = None if directory is None else KnownGroups.of(directory, settings.groups or "")
    told = lint(rules, groups=known)
    found += [Finding(level="gap", place="rules", what=f"line {each.line}: {each.message}") for each in told]
    return rules.sha256, found


def _notices(settings: Settings) -> Iterator[Finding]:
    for target in settings.notices:
        try:
            outbox.check(msgspec.structs.replace(settings, notices=(target,)))
        except P0Error as error:
            yield failed(f"notices to {target.name}", error)


async def _issuers(
    settings: Settings, clock: Callable[[], float], transport: httpx.AsyncBaseTransport | None
) -> list[Finding]:
    found: list[Finding] = []
    async with httpx.AsyncClient(transport=transport, follow_redirects=False) as client:
        keys = KeyFetcher(client, clock)
        for issuer in settings.issuers:
            try:
                await keys.keys(issuer, ())
            except P0Error as error:
                fix = "who has signed in stays; nobody new is known until it answers"
                found.append(Finding(level="gap", place=f"issuer {issuer.issuer}", what=str(error), fix=fix))
            else:
                found.append(fact(f"issuer {issuer.issuer}", "publishes its keys"))
    return found


async def _store(settings: Settings, sha256: str | None, clock: Callable[[], float]) -> list[Finding]:
    path = settings.path(settings.store)
    if not path.exists():
        return [Finding(level="gap", place="store", what=f"{path} is not there yet", fix="the server makes it")]
    problem = _examined(path)
    if problem is not None:
        return [problem]
    try:
        store = await SqliteStore.open(path)
    except P0Error as error:
        return [failed("store", error)]
    try:
        running = await store.remarked("rules")
        in_use = sha256 if running is None else running.said.get("rules_sha256")
        return [
            fact("store", f"{path} is whole, {_size(path) // 1024} KiB"),
            *_running(running, sha256, clock),
            *await _agents(settings, store, sha256 or in_use, clock),
            *await _undelivered(settings, store),
        ]
    except P0Error as error:
        return [failed("store", error)]
    finally:
        await store.close()


def _examined(path: Path) -> Finding | None:
    """What is wrong with the file; it is opened for reading only, and left to the server to bring up to date."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            (version,) = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    except sqlite3.Error as error:
        return Finding(level="error", place="store", what=f"{path}: {error}")
    if answer != "ok":
        return Finding(level="error", place="store", what=f"{path} is damaged: {answer}", fix="restore a backup")
    if version != len(steps()):
        what = f"{path} has schema version {version}, this program {len(steps())}"
        if version > len(steps()):
            return Finding(level="error", place="store", what=what, fix="a server that is as new as the store")
        return Finding(level="gap", place="store", what=what, fix="the server brings it up to date when it starts")
    return None


def _size(store: Path) -> int:
    """In bytes, with what is in its log only."""
    files = (store, store.with_name(f"{store.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _running(remark: Remark | None, sha256: str | None, clock: Callable[[], float]) -> list[Finding]:
    """What the server that runs, or ran last, said of its rules."""
    if remark is None:
        return []
    since = _ago(remark.at, clock)
    found = [
        Finding(level="error", place="server", what=f"{since} it kept its old ones: {problem}", fix="mend the file")
        for problem in remark.said.get("problems", ())
    ]
    in_use = remark.said.get("rules_sha256")
    if in_use != sha256 and not found:
        what = f"uses rules with SHA-256 {in_use}, which are not those in the file"
        found.append(Finding(level="gap", place="server", what=what, fix="kill -HUP, or start it"))
    return [*found, fact("server", f"uses rules with SHA-256 {in_use}, said {since}")]


async def _agents(settings: Settings, store: Store, sha256: str | None, clock: Callable[[], float]) -> list[Finding]:
    heard = {agent.thumbprint: agent for agent in await store.agents()}
    found: list[Finding] = []
    for agent in settings.agents:
        found += _agent(agent, heard.get(agent.thumbprint), sha256, clock)
        remark = await store.remarked(about_evidence(agent.thumbprint))
        if remark is not None:
            what = f"its evidence log {remark.said.get('problem')}, {_ago(remark.at, clock)}"
            fix = "p0 agent audit, on its machine, and p0 audit verify against an earlier copy"
            found.append(Finding(level="gap", place=f"agent {agent.name}", what=what, fix=fix))
    return found


def _agent(
    agent: AgentSettings, heard: StoredAgent | None, sha256: str | None, clock: Callable[[], float]
) -> Iterator[Finding]:
    place = f"agent {agent.name}"
    if heard is None:
        fix = "start it: p0 agent run, then p0 agent doctor"
        yield Finding(level="gap", place=place, what="never heard of", fix=fix)
        return
    since = _ago(heard.seen, clock)
    if clock() - heard.seen >= ONLINE_SECONDS:
        yield Finding(level="gap", place=place, what=f"away, heard of {since}", fix="p0 agent doctor, on its machine")
    head = "" if heard.head is None else f", head {heard.head.n} {heard.head.h} of its evidence log"
    yield fact(place, f"{heard.software or 'unknown software'}, heard of {since}{head}")
    if heard.rules_sha256 is not None and heard.rules_sha256 != sha256:
        what = f"goes by other rules, with SHA-256 {heard.rules_sha256}: what it decides is not what people are told"
        yield Finding(level="gap", place=place, what=what, fix="give both the same file")


async def _undelivered(settings: Settings, store: Store) -> list[Finding]:
    names = {target.name for target in settings.notices}
    found: list[Finding] = []
    for count in await store.notice_counts():
        place = f"notices to {count.target}"
        if count.target not in names:
            what = f"{count.notices} are left, and it is not in the configuration any more"
            found.append(Finding(level="gap", place=place, what=what))
        elif count.state == "dead":
            what = f"{count.notices} could not be delivered"
            found.append(Finding(level="gap", place=place, what=what, fix="p0 server notices"))
        else:
            found.append(fact(place, f"{count.notices} are on their way"))
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise P0Error(f"cannot read {path}: {error.strerror}", code="config_unreadable") from error


def _ago(at: int, clock: Callable[[], float]) -> str:
    seconds = max(0, int(clock()) - at)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
