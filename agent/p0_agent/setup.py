"""From settings to a worker that is ready to run: every part is made here, and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from p0_access.encoding import b64u, encode
from p0_access.permissions.permission import Kind
from p0_access.proof.issuers import humans, workload_issuers
from p0_access.routing.current import CurrentRules
from p0_access.routing.directory import CurrentDirectory
from p0_access.secret import Secret
from p0_agent.catalogs import Catalogs
from p0_agent.config import Settings, agent_key
from p0_agent.core.context import Context
from p0_agent.errors import ConfigurationError
from p0_agent.files import make_secret, read_file, read_secret, read_text
from p0_agent.link import ServerLink
from p0_agent.notice import NoticeChannel
from p0_agent.postgres import scram
from p0_agent.postgres.bootstrap import Roles, Script, bootstrap_sql, undo_sql
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.connections import Account, Connections
from p0_agent.postgres.evidence import Evidence
from p0_agent.postgres.guard import GuardCeiling, GuardPowers
from p0_agent.postgres.powers import BrokerPowers
from p0_agent.reading.child import ReadingChild
from p0_agent.reading.combined import CombinedReader
from p0_agent.start_record import StartRecord, reconcile, recover
from p0_agent.verification.issuer_keys import IssuerKeyCache
from p0_agent.worker import Worker

log = logging.getLogger("p0.agent")


@asynccontextmanager
async def working(
    settings: Settings, *, clock: Callable[[], float], random: Callable[[int], bytes], software: str
) -> AsyncIterator[Worker]:
    """A worker whose cluster is checked and whose ledger is there. Everything is closed at the end."""
    async with AsyncExitStack() as stack:
        key = agent_key(settings.path(settings.key), random)
        rules_path = settings.path(settings.rules)
        rules = CurrentRules(
            partial(read_file, rules_path),
            source=str(rules_path),
            workload_issuers=workload_issuers(settings.issuers),
        )
        directory = current_directory(settings)
        cluster = Cluster(
            connections_to(settings),
            {database.name: database.schemas for database in settings.databases},
            random=random,
            iterations=settings.cluster.scram_iterations,
            broker_on_old_versions=settings.cluster.broker_on_old_versions,
        )
        stack.push_async_callback(cluster.close)
        started = await cluster.start(key.public.thumbprint, int(clock()))
        for warning in started.warnings:
            log.warning("%s", warning)
        record = StartRecord(settings.path(settings.state), key.public.thumbprint)
        not_before = await reconcile(cluster, record, started, int(clock()))
        key_source = IssuerKeyCache(clock=clock)
        stack.push_async_callback(key_source.close)
        child = ReadingChild()
        stack.push_async_callback(child.close)
        link = ServerLink(settings.server, key, clock=clock, random=random)
        stack.push_async_callback(link.close)
        catalogs = Catalogs(cluster, key, clock=clock)
        certificate = settings.advertised.sslrootcert
        context = Context(
            key=key,
            rules=rules.rules,
            directory=directory.value,
            ceiling=settings.ceiling,
            issuers={issuer.issuer: issuer for issuer in settings.issuers},
            key_source=key_source,
            reader=CombinedReader(catalogs, child, cluster.connections),
            cluster=cluster,
            nothing_owned=frozenset(each.name for each in settings.databases if each.owned_objects == "refuse"),
            advertised=settings.advertised,
            sslrootcert=None if certificate is None else read_text(settings.path(certificate)),
            not_before=not_before,
            notices=NoticeChannel(settings.notice),
            clock=clock,
            random=random,
            aliases=humans(settings.aliases),
        )
        log.info("agent %s serves %s", key.public.thumbprint, ", ".join(sorted(cluster.databases)))

        async def put_in_order() -> int:
            return await recover(cluster, record, key.public.thumbprint, int(clock()))

        yield Worker(
            context, link, catalogs, rules, directory, remember=record.keep, recover=put_in_order, software=software
        )


def current_directory(settings: Settings) -> CurrentDirectory:
    """The directory file of the configuration; without one nothing is added to what tokens say."""
    if settings.groups is None:
        return CurrentDirectory(None, source="")
    path = settings.path(settings.groups)
    return CurrentDirectory(partial(read_file, path), source=str(path))


async def evidence_lines(settings: Settings, *, random: Callable[[int], bytes]) -> AsyncIterator[bytes]:
    """The whole evidence log for `p0 audit`: a line that names the agent's key, then one for each entry."""
    key = agent_key(settings.path(settings.key), random).public
    yield encode({"v": 1, "agent": key})
    connections = connections_to(settings)
    try:
        evidence, first = Evidence(connections), 0
        while page := await evidence.entries(first=first):
            for entry in page:
                yield encode({"n": entry.n, "at": entry.at, "kind": entry.kind, "body": entry.body, "h": b64u(entry.h)})
            first = page[-1].n + 1
    finally:
        await connections.close()


def bootstrap_scripts(
    settings: Settings, *, server_version: int, hardened: bool, random: Callable[[int], bytes]
) -> tuple[Script, ...]:
    """The set-up of the cluster, for one mode or the other.

    The passwords it needs are made if their files are not there; only verifiers go in."""
    passwords = (
        _password(settings.path(settings.cluster.password_file), random),
        _password(settings.path(settings.cluster.reader_password_file), random),
    )
    agent_verifier, reader_verifier = (
        scram.verifier(password, random(scram.SALT_BYTES), scram.DEFAULT_ITERATIONS) for password in passwords
    )
    try:
        return bootstrap_sql(
            server_version=server_version,
            home=settings.cluster.home,
            databases={database.name: database.schemas for database in settings.databases},
            agent_verifier=agent_verifier,
            reader_verifier=reader_verifier,
            roles=_roles(settings),
            hardened=_guard_ceiling(settings) if hardened else None,
            keeping=_keeping(settings),
            large_objects=Kind.LARGE_OBJECT in settings.ceiling.kinds,
        )
    except ValueError as error:
        raise ConfigurationError(str(error), code="config_invalid") from error


def undo_scripts(settings: Settings) -> tuple[Script, ...]:
    """What takes the set-up out of the cluster again, whichever mode it is for."""
    try:
        return undo_sql(
            home=settings.cluster.home,
            databases=[database.name for database in settings.databases],
            roles=_roles(settings),
        )
    except ValueError as error:
        raise ConfigurationError(str(error), code="config_invalid") from error


def _roles(settings: Settings) -> Roles:
    cluster = settings.cluster
    return Roles(broker=cluster.broker, agent=cluster.user, reader=cluster.reader_user, keeper=cluster.keeper)


def _keeping(settings: Settings) -> frozenset[str]:
    """The databases in which what logins own is kept."""
    return frozenset(each.name for each in settings.databases if each.owned_objects == "keep")


def _guard_ceiling(settings: Settings) -> GuardCeiling:
    """The configuration's ceiling, for the database to hold the agent to."""
    ceiling = settings.ceiling
    return GuardCeiling(
        max_ttl=ceiling.max_ttl,
        max_permissions=ceiling.max_permissions,
        connections=ceiling.connections,
        privileges=ceiling.privileges,
        kinds=ceiling.kinds,
        roles=ceiling.roles,
    )


def connections_to(settings: Settings) -> Connections:
    """To the cluster, as both accounts; none is opened yet."""
    cluster = settings.cluster
    certificate = None if cluster.sslrootcert is None else str(settings.path(cluster.sslrootcert))

    def account(user: str, password: Secret) -> Account:
        return Account(
            host=cluster.host,
            port=cluster.port,
            user=user,
            password=password,
            sslmode=cluster.sslmode,
            sslrootcert=certificate,
        )

    return Connections(
        agent=account(cluster.user, settings.secret(cluster.password_file)),
        reader=account(cluster.reader_user, settings.secret(cluster.reader_password_file)),
        home=cluster.home,
        powers=GuardPowers(cluster.broker) if cluster.mode == "hardened" else BrokerPowers(cluster.broker),
        keeper=cluster.keeper,
        keeping=_keeping(settings),
    )


def _password(path: Path, random: Callable[[int], bytes]) -> Secret:
    if not path.exists():
        make_secret(path, b64u(random(32)))
    return read_secret(path)
