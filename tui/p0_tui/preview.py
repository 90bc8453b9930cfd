"""What is known about the SQL being typed: the kernel's reading at once, the server's preview a moment later.

Holds no widget and does no I/O. The verdict belongs to one set of permissions: when the text changes and the set does
not, it stands; when the set changes, it is unknown until the server has been asked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from p0_access.errors import P0Error
from p0_access.messages.views import Explained
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Permission, canonical
from p0_access.permissions.reading import ReadingWarning, Refused, StatementReading
from p0_access.permissions.settle import Tags, comment_tags
from p0_access.routing.decision import Decision
from p0_tui.assessment import Assessment, assess
from p0_tui.reader import Reader
from p0_tui.verdict import Verdict
from p0_tui.widgets.permissions import Shown

Verdicts = tuple[Verdict, str, tuple[Permission, ...]]
"""What a person can see of a verdict: the word, who or why, and over which permissions."""


class Preview:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._catalog: Catalog | None = None
        self._decision: Decision | None = None
        self._decided_for: tuple[Permission, ...] | None = None
        self._last_good: Assessment | None = None
        self._needed: tuple[Permission, ...] = ()
        self.shown = Shown()

    @property
    def catalog(self) -> Catalog | None:
        return self._catalog

    def use_catalog(self, catalog: Catalog | None) -> None:
        """Another catalog, or none while it is fetched: what was decided over the old one counts no more."""
        self._catalog = catalog
        self._decision = self._decided_for = self._last_good = None
        self._needed = ()
        self.shown = Shown()

    def typed(self, sql: str) -> Shown:
        """The text is now `sql`."""
        reading = None
        if not sql.strip():
            self.shown = Shown()
        elif self._catalog is None or (reading := self._reader.read(sql, self._catalog)) is None:
            self.shown = Shown(assessment=self._last_good, notice="the catalog is not here yet", checking=True)
        else:
            self._show(reading, needed=_permissions(reading))
        return self.shown

    def answered(self, explained: Explained) -> Shown:
        """The server's answer for the text as it is now."""
        needed = _permissions(explained.statements)
        if explained.decision is None:
            self._decision = self._decided_for = None
        else:
            self._decision, self._decided_for = explained.decision, needed
        self._show(explained.statements, needed=needed)
        return self.shown

    def unanswered(self, error: P0Error) -> Shown:
        """The server could not be asked; what the kernel read stays, and a verdict that it gave on it before."""
        what = "no verdict" if self.verdict() is None else "the verdict below is from before"
        if self.shown.assessment is not None or self.shown.problems:
            self.shown = msgspec.structs.replace(self.shown, checking=False, notice=f"{what}: {error}")
        else:
            self.shown = Shown(notice=f"{what}: {error}")
        return self.shown

    @property
    def needed(self) -> tuple[Permission, ...]:
        """What the last text that was understood needs."""
        return self._needed

    def verdict(self) -> Verdicts | None:
        """The verdict on the screen, None while there is none for what is on the screen."""
        shown = self.shown
        if self._decided_for is None or shown.problems or shown.checking or shown.assessment is None:
            return None
        return shown.assessment.verdict, shown.assessment.headline, self._decided_for

    def _show(self, reading: Sequence[StatementReading | Refused], *, needed: tuple[Permission, ...]) -> None:
        problems = tuple(item for item in reading if isinstance(item, Refused))
        if problems:
            self.shown = Shown(assessment=self._last_good, problems=problems, statements=len(reading))
            return
        self._needed = needed
        decided = self._decision is not None and needed == self._decided_for
        if decided and self._decision is not None:
            # The trace, not the reading: "any one column" has become a column there.
            permissions: Iterable[Permission] = [item.permission for item in self._decision.trace if not item.reached]
        else:
            permissions = needed
        self._last_good = assess(
            permissions,
            self._decision if decided else None,
            self._tags(permissions),
            before=self._decision,
        )
        self.shown = Shown(
            assessment=self._last_good, warnings=_warnings(reading), checking=not decided, statements=len(reading)
        )

    def _tags(self, permissions: Iterable[Permission]) -> Tags:
        return {} if self._catalog is None else comment_tags(self._catalog, permissions)


def _permissions(reading: Iterable[StatementReading | Refused]) -> tuple[Permission, ...]:
    return canonical(need.permission for item in reading if isinstance(item, StatementReading) for need in item.needs)


def _warnings(reading: Iterable[StatementReading | Refused]) -> tuple[ReadingWarning, ...]:
    return tuple(warning for item in reading if isinstance(item, StatementReading) for warning in item.warnings)
