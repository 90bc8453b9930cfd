"""Secrets in files that only their owner can read, for machines without a keyring.

Anyone who can read the owner's files reads these too (backups, other programs of the same user): it is chosen at
sign-in with `--insecure-storage`, and never otherwise.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from p0_access.secret import Secret
from p0_launcher.errors import ConfigurationError


class FileStore:
    """One 0600 file a secret, in a 0700 directory that is made when it is first needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, name: str) -> Secret | None:
        path = self._path(name)
        try:
            self._refuse_exposed(self._directory)
            with path.open("rb") as file:
                self._refuse_exposed(path, file.fileno())
                return Secret(file.read().decode())
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise _unusable(path, error) from error

    def set(self, name: str, value: Secret) -> None:
        """A crash leaves the old value or the new one: the new file is complete before it takes the name."""
        path = self._path(name)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._refuse_exposed(self._directory)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(value.reveal().encode())
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(path, error) from error

    def delete(self, name: str) -> None:
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(self._path(name), error) from error

    def _path(self, name: str) -> Path:
        """Names hold any characters; files don't."""
        return self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.secret"

    @staticmethod
    def _refuse_exposed(path: Path, descriptor: int | None = None) -> None:
        found = path.stat() if descriptor is None else os.fstat(descriptor)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
            raise ConfigurationError(
                f"others can reach the secrets in {path}",
                code="storage_exposed",
                hint=f"Sign in again after: chown $USER {path} && chmod {mode} {path}",
            )


def _unusable(path: Path, error: Exception) -> ConfigurationError:
    reason = error.strerror if isinstance(error, OSError) else "not text"
    return ConfigurationError(
        f"cannot use {path}: {reason}", code="storage_unusable", hint="It must be yours, and writable: ls -l"
    )
