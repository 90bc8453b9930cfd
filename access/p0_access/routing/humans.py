"""Which verified names are one human's, as far as can be told: the one test behind "nobody approves their own" and
"one human counts once". What a human may approve is `approvals`' business."""

from __future__ import annotations

from collections.abc import Iterable

from p0_access.routing.decision import Requestor
from p0_access.routing.people import qualified_issuer


def home(person: Requestor) -> str:
    """The issuer within which this person can be told from others: their own, or that of whom they are joined with."""
    return person.iss if person.human is None else qualified_issuer(person.human)


class Humans:
    """Which names are one human's: those with the same (issuer, subject), or the same verified address, and so on."""

    def __init__(self, people: Iterable[Requestor]) -> None:
        self._of_name: dict[tuple[str, ...], int] = {}
        for number, person in enumerate(people):
            names = _names(person)
            same = {self._of_name[name] for name in names if name in self._of_name}
            for name, known in self._of_name.items():
                if known in same:
                    self._of_name[name] = number
            self._of_name.update(dict.fromkeys(names, number))

    def of(self, person: Requestor) -> int:
        return self._of_name["subject", person.iss, person.sub]

    def same(self, one: Requestor, other: Requestor) -> bool:
        return self.of(one) == self.of(other)


def _names(person: Requestor) -> list[tuple[str, ...]]:
    names: list[tuple[str, ...]] = [("subject", person.iss, person.sub)]
    if person.email is not None:
        names.append(("email", person.email.lower()))
    if person.human is not None:
        names.append(("subject", *person.human.partition("#")[::2]))
    return names
