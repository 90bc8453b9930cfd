"""`p0 agent doctor`: is this installation set up as it should be, and what does it leave open?

It looks and changes nothing. Each part is examined even if another is unfit, as far as that is possible.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import httpx

from p0_access.certificates import TRUSTED_BY, untrusted
from p0_access.errors import P0Error
from p0_access.findings import Finding, fact, failed
from p0_access.permissions.permission import Kind
from p0_access.proof.issuers import workload_issuers
from p0_access.routing.lint import KnownGroups, lint
from p0_access.routing.load import load as load_rules
from p0_access.routing.pins import check_pins
from p0_agent.config import Settings, agent_key
from p0_agent.errors import ServerUnavailableError
from p0_agent.files import read_file
from p0_agent.link import ServerLink, trusted
from p0_agent.postgres import differences, hardening, selfcheck
from p0_agent.postgres.connections import Connections
from p0_agent.setup import connections_to, current_directory

SERVER_SECONDS: Final = 5.0


async def examine(
    settings: Settings, *, clock: Callable[[], float], random: Callable[[int], bytes]
) -> tuple[Finding, ...]:
    """The rules, the server, and the cluster."""
    sha256, about_rules = _rules(settings)
    found = [*about_rules, *await _server(settings.server), *await _standing(settings, sha256, clock, random)]
    try:
        connections = connections_to(settings)
    except P0Error as error:
        return (*found, failed("cluster", error))
    try:
        found += await _cluster(connections, settings)
        found += await _readings(connections)
    finally:
        await connections.close()
    return tuple(found)


def _rules(settings: Settings) -> tuple[str | None, list[Finding]]:
    """Their hash, and what there is to say about them."""
    path = settings.path(settings.rules)
    try:
        rules = load_rules(read_file(path), source=str(path))
        check_pins(rules, workload_issuers=workload_issuers(settings.issuers))
    except P0Error as error:
        return None, [failed("rules", error)]
    found = [fact("rules", f"SHA-256 {rules.sha256}")]
    known: KnownGroups | None = None
    try:
        directory = current_directory(settings).value
    except P0Error as error:
        found.append(failed("groups", error))
    else:
        if settings.groups is not None:
            known = KnownGroups.of(directory, settings.groups)
            what = f"SHA-256 {directory.sha256}, {len(directory.groups)} groups; the server's must be the same"
            found.append(fact("groups", what))
    told = lint(rules, groups=known)
    found += [Finding(level="gap", place="rules", what=f"line {each.line}: {each.message}") for each in told]
    return rules.sha256, found


async def _server(url: str) -> list[Finding]:
    """Whether it answers as a server would; who it is shows when the agent announces itself."""
    try:
        async with httpx.AsyncClient(
            timeout=SERVER_SECONDS, follow_redirects=False, trust_env=False, verify=trusted(url)
        ) as client:
            response = await client.get(url.rstrip("/") + "/v1/health")
            status = response.json().get("status") if response.is_success else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError) as error:
        if (problem := untrusted(error)) is not None:
            told = f"the certificate of {url} is not trusted: {problem}"
            return [Finding(level="gap", place="server", what=told, fix=TRUSTED_BY)]
        status = None
    if status != "ok":
        hint = "accesses still end in time; new ones wait until it answers"
        return [Finding(level="gap", place="server", what=f"{url} does not answer as a p0 server", fix=hint)]
    if not url.startswith("https://"):
        return [Finding(level="gap", place="server", what=f"{url} answers, without TLS", fix="put it behind HTTPS")]
    return [fact("server", f"{url} answers")]


async def _standing(
    settings: Settings, sha256: str | None, clock: Callable[[], float], random: Callable[[int], bytes]
) -> list[Finding]:
    """Whether the server knows this agent, and goes by the same rules. Silent where it does not answer at all."""
    try:
        if not settings.path(settings.key).exists():
            return [Finding(level="gap", place="server", what="this agent has no key yet", fix="p0 agent key makes it")]
        link = ServerLink(settings.server, agent_key(settings.path(settings.key), random), clock=clock, random=random)
    except P0Error as error:
        return [failed("key", error)]
    try:
        theirs = await link.standing()
    except ServerUnavailableError as error:
        if error.code != "server_refused":
            return []
        return [Finding(level="gap", place="server", what=str(error), fix="[[agents]] in the server's configuration")]
    finally:
        await link.close()
    if theirs == sha256:
        return [fact("server", "knows this agent, and goes by the same rules")]
    what = f"goes by other rules, with SHA-256 {theirs}: what people are told is not what is decided here"
    return [Finding(level="gap", place="server", what=what, fix="give both the same file")]


async def _cluster(connections: Connections, settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    databases = {database.name: database.schemas for database in settings.databases}
    try:
        warnings = await selfcheck.check(
            connections, databases, broker_on_old_versions=settings.cluster.broker_on_old_versions
        )
        found += [Finding(level="gap", place="cluster", what=warning) for warning in warnings]
    except P0Error as error:
        found.append(failed("cluster", error))
    try:
        gaps = await hardening.cluster_gaps(connections, tuple(databases))
        gaps += await hardening.database_gaps(
            connections,
            databases,
            privileges=settings.ceiling.privileges,
            large_objects=Kind.LARGE_OBJECT in settings.ceiling.kinds,
        )
    except P0Error as error:
        return found or [failed("cluster", error)]
    for gap in gaps:
        place = "cluster" if gap.database is None else f"database {gap.database}"
        found.append(Finding(level="gap", place=place, what=gap.what, fix=gap.fix))
    return found


async def _readings(connections: Connections) -> list[Finding]:
    """How often the two readings of a statement differed; an installation that has no log yet has no say."""
    try:
        recent = await differences.recent(connections)
    except P0Error:
        return []
    if recent.last is None:
        what = f"p0 and PostgreSQL read SQL alike in all {recent.admissions} recent admissions"
        return [fact("readings", what)]
    last = datetime.fromtimestamp(recent.last, UTC).isoformat()
    what = f"p0 and PostgreSQL read SQL differently in {recent.differing} of {recent.admissions} recent admissions"
    fix = "nothing: PostgreSQL's counted. Please report it; what differed is in the agent's log (p0.agent.reading)"
    return [Finding(level="gap", place="readings", what=f"{what}, {last} the latest", fix=fix)]
