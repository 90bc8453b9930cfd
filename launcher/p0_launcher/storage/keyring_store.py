"""Secrets in the operating system's keyring: macOS Keychain, Windows Credential Locker, SecretService, KWallet.

Only these are used, whatever else is installed or configured: other backends of `keyring` keep plain files, or
nothing. `keyring` itself is imported when the first secret is needed.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from p0_access.secret import Secret
from p0_launcher.errors import ConfigurationError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE: Final = "p0"

ALLOWED: Final = (
    "keyring.backends.macOS.Keyring",
    "keyring.backends.Windows.WinVaultKeyring",
    "keyring.backends.SecretService.Keyring",
    "keyring.backends.kwallet.DBusKeyring",
)
"""In the order they are tried. Each is the real store of its platform, opened by the user's own login."""

_REMEDY: Final = "Start a keyring (gnome-keyring, KWallet), or sign in with: p0 login --insecure-storage"
_T = TypeVar("_T")


class KeyringStore:
    """Items of the service "p0". `environ` is where PYTHON_KEYRING_BACKEND may choose among the allowed backends."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._chosen = environ.get("PYTHON_KEYRING_BACKEND")
        self._backend: KeyringBackend | None = None

    def get(self, name: str) -> Secret | None:
        value = self._try(lambda backend: backend.get_password(SERVICE, name))
        return None if value is None else Secret(value)

    def set(self, name: str, value: Secret) -> None:
        self._try(lambda backend: backend.set_password(SERVICE, name, value.reveal()))

    def delete(self, name: str) -> None:
        if self.get(name) is not None:
            self._try(lambda backend: backend.delete_password(SERVICE, name))

    def _try(self, act: Callable[[KeyringBackend], _T]) -> _T:
        """The boundary to `keyring` and the libraries below it, whose messages stay in the chain only."""
        if self._backend is None:
            self._backend = _usable_backend(self._chosen)
        from keyring.errors import InitError, KeyringLocked

        try:
            return act(self._backend)
        except KeyringLocked as error:
            raise ConfigurationError(
                "the keyring is locked",
                code="keyring_locked",
                hint="Unlock it (signing in to the desktop does), then try again",
            ) from error
        except InitError as error:
            raise ConfigurationError(
                "the keyring has never been unlocked", code="keyring_uninitialised", hint=_REMEDY
            ) from error
        except Exception as error:
            raise ConfigurationError(
                f"the keyring failed: {type(error).__name__}", code="keyring_failed", hint=_REMEDY
            ) from error


def _usable_backend(chosen: str | None) -> KeyringBackend:
    if chosen is not None and chosen not in ALLOWED:
        raise ConfigurationError(
            f"PYTHON_KEYRING_BACKEND names {chosen}, which may keep secrets in the open",
            code="keyring_refused",
            hint=f"Unset it, or name one of: {', '.join(ALLOWED)}",
        )
    for name in ALLOWED if chosen is None else (chosen,):
        module, _, class_name = name.rpartition(".")
        found: type[KeyringBackend] = getattr(importlib.import_module(module), class_name)
        if found.viable:
            return found()
    raise ConfigurationError("there is no usable keyring on this machine", code="keyring_missing", hint=_REMEDY)
