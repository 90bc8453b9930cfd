"""A real Secret Service for tests: gnome-keyring on a bus of its own, in a directory of its own.

The user's own bus and keyring are never touched: bus address, home and data directories all point elsewhere, for the
test and for the processes that it starts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest
import secretstorage

from fix_tools import require_program

PASSWORD = "not-empty"  # gnome-keyring takes an empty one for none at all
SECONDS = 20
LOGIN_COLLECTION = "/org/freedesktop/secrets/collection/login"

BUS_CONFIGURATION = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={directory}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
"""A bus that starts no services: whoever asks for one that is not there (a password prompt) is told so at once."""


class SecretService(msgspec.Struct, frozen=True, kw_only=True):
    """A running Secret Service. `environment` is what leads a process to it, and to nothing of the user's."""

    environment: dict[str, str]

    def lock(self) -> None:
        """Lock the login keyring; nobody is there to unlock it."""
        with closing(secretstorage.dbus_init()) as connection:
            secretstorage.Collection(connection, LOGIN_COLLECTION).lock()


@contextmanager
def bus_session() -> Iterator[dict[str, str]]:
    """A session bus with nothing on it: a machine without a keyring. Yields the environment that leads to it."""
    with tempfile.TemporaryDirectory(prefix="p0-bus-") as name:
        directory = Path(name)  # not tmp_path: a socket's path has about a hundred characters at most
        environment = {
            "HOME": name,
            "XDG_RUNTIME_DIR": name,
            "XDG_CACHE_HOME": str(directory / "cache"),
            "XDG_CONFIG_HOME": str(directory / "config"),
            "XDG_DATA_HOME": str(directory / "data"),
        }
        configuration = directory / "bus.conf"
        configuration.write_text(BUS_CONFIGURATION.format(directory=directory))
        command = [require_program("dbus-daemon"), f"--config-file={configuration}", "--nofork", "--print-address=1"]
        with _running(command, environment) as bus:
            assert bus.stdout is not None
            yield {**environment, "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().decode().strip()}


@pytest.fixture
def no_secret_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """This process, and those that it starts, see a session bus without any keyring."""
    if sys.platform != "linux":
        pytest.skip("the Secret Service is Linux's keyring")
    with bus_session() as environment:
        _lead(monkeypatch, environment)
        yield environment


@pytest.fixture
def secret_service(no_secret_service: dict[str, str]) -> Iterator[SecretService]:
    """This process, and those that it starts, see a fresh, unlocked keyring."""
    command = [require_program("gnome-keyring-daemon"), "--unlock", "--foreground", "--components=secrets"]
    with _running(command, no_secret_service) as daemon:
        assert daemon.stdin is not None
        daemon.stdin.write(PASSWORD.encode())
        daemon.stdin.close()
        deadline = time.monotonic() + SECONDS
        while not _unlocked():
            if daemon.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"gnome-keyring did not start (exit status {daemon.poll()})")
            time.sleep(0.01)
        yield SecretService(environment=no_secret_service)


def _unlocked() -> bool:
    with closing(secretstorage.dbus_init()) as connection:
        try:
            return not secretstorage.Collection(connection, LOGIN_COLLECTION).is_locked()
        except (secretstorage.ItemNotFoundException, secretstorage.SecretServiceNotAvailableException):
            return False


def _lead(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    monkeypatch.delenv("GNOME_KEYRING_CONTROL", raising=False)


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DBUS_", "GNOME_", "XDG_"))}
    with subprocess.Popen(
        command,
        env={**inherited, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
