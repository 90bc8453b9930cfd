"""Each proof of possession counts once, also across restarts of the server.

A used one is told from memory, which has all that are in the store: a store has one server (`store.lock`). So a proof
takes no commit of its own before its call is looked at. It is kept with what the call writes, and in any case before
the call is answered: nothing is told or done for a proof that a crash could make forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Iterable

from p0_server.errors import UnauthorizedError
from p0_server.store.protocol import Store
from p0_server.store.records import UsedProof


class Proofs:
    """`known` are those in the store, the oldest first."""

    def __init__(self, store: Store, known: Iterable[UsedProof]) -> None:
        self._store = store
        self._used = OrderedDict(((each.key, each.jti), each.until) for each in known)

    @classmethod
    async def load(cls, store: Store, now: int) -> Proofs:
        return cls(store, await store.proofs(now))

    def use(self, key: str, jti: str, *, until: int, now: int) -> Awaitable[None]:
        """What is given is awaited before the call is answered. Raises `UnauthorizedError` for one used before."""
        while self._used and next(iter(self._used.values())) < now:  # too old to be accepted anyway
            self._used.popitem(last=False)
        if (key, jti) in self._used:
            raise UnauthorizedError("this proof was used before", code="proof_replayed")
        self._used[key, jti] = until
        return self._store.keep_proof(UsedProof(key=key, jti=jti, until=until))
