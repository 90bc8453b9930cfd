"""Where secrets rest between two runs: the OS keyring, or on demand a file that only its owner can read.

Every store gives back exactly what was set, or says why it cannot. None of them is read before a secret is needed.
"""

from __future__ import annotations

from typing import Protocol

from p0_access.secret import Secret
from p0_launcher.profile import Profile


class SecretStore(Protocol):
    """Secrets by name, whole values only. Raises `ConfigurationError` with a remedy when the store cannot be used."""

    def get(self, name: str) -> Secret | None:
        """The value last set under `name`, or None."""

    def set(self, name: str, value: Secret) -> None:
        """Replaces what stood under `name`, entirely or not at all."""

    def delete(self, name: str) -> None:
        """Forgets `name`; it need not be there."""


def open_store(profile: Profile) -> SecretStore:
    """The store that `profile` names. Opening touches nothing yet."""
    if profile.storage == "file":
        from p0_launcher.storage.file_store import FileStore

        return FileStore(profile.directory)
    from p0_launcher.storage.keyring_store import KeyringStore

    return KeyringStore()
