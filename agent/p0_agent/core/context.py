"""Everything the core acts with. It is passed in, so that shells, tests and other hosts decide what stands behind
it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from p0_access.proof.issuers import TrustedIssuer
from p0_access.proof.keys import SigningKey
from p0_access.routing.directory import Directory
from p0_access.routing.rules import RuleSet
from p0_agent.config import Advertised, Ceiling, NoticeSettings
from p0_agent.core.refusals import Refusals
from p0_agent.notice import NoticeChannel
from p0_agent.postgres.cluster import Cluster
from p0_agent.reading.reader import Reader
from p0_agent.verification.acts import KeySource


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """`clock` gives seconds since the epoch, `random(n)` n unpredictable bytes. `not_before` is when the ledger was
    first made: what was signed earlier may have been seen by a ledger that is lost. `sslrootcert` is PEM text.
    `directory` adds groups to those in people's tokens; `aliases` joins subjects that are one human
    (`p0_access.proof.issuers.humans`). `nothing_owned` are the databases in which whoever could make something that
    lasts is refused."""

    key: SigningKey
    rules: RuleSet
    ceiling: Ceiling
    issuers: Mapping[str, TrustedIssuer]
    key_source: KeySource
    reader: Reader
    cluster: Cluster
    advertised: Advertised
    sslrootcert: str | None
    not_before: int
    notices: NoticeChannel = field(default_factory=lambda: NoticeChannel(NoticeSettings()))
    clock: Callable[[], float]
    random: Callable[[int], bytes]
    aliases: Mapping[str, str] = field(default_factory=dict)
    directory: Directory = field(default_factory=Directory)
    nothing_owned: frozenset[str] = frozenset()
    refusals: Refusals = field(default_factory=Refusals)

    @property
    def audience(self) -> str:
        """What acts for this agent name as their `aud`."""
        return f"p0-agent:{self.key.public.thumbprint}"

    def now(self) -> int:
        return int(self.clock())
