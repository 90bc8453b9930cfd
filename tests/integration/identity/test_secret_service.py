"""The Secret Service of the tests is a real one, and nobody's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import secretstorage
from keyring.backend import KeyringBackend
from keyring.backends.SecretService import Keyring

from fix_keyring import SecretService

BACKEND: type[KeyringBackend] = Keyring


def test_it_keeps_replaces_and_forgets(secret_service: SecretService) -> None:
    keyring = BACKEND()
    keyring.set_password("p0-test", "session", "first")
    keyring.set_password("p0-test", "session", "second")
    assert keyring.get_password("p0-test", "session") == "second"
    keyring.delete_password("p0-test", "session")
    assert keyring.get_password("p0-test", "session") is None


def test_another_process_sees_it(secret_service: SecretService) -> None:
    BACKEND().set_password("p0-test", "session", "shared")
    read = "import keyring; print(keyring.get_password('p0-test', 'session'), type(keyring.get_keyring()).__module__)"
    told = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.split() == ["shared", "keyring.backends.SecretService"]


def test_each_test_has_a_fresh_one_in_a_home_of_its_own(secret_service: SecretService) -> None:
    assert BACKEND().get_password("p0-test", "session") is None
    home = Path(secret_service.environment["HOME"])
    assert Path("~").expanduser() == home
    assert any((home / "data" / "keyrings").iterdir()), "the keyring is elsewhere"
    assert home.stat().st_mode & 0o077 == 0


def test_a_machine_without_a_keyring(no_secret_service: dict[str, str]) -> None:
    assert os.environ["DBUS_SESSION_BUS_ADDRESS"] == no_secret_service["DBUS_SESSION_BUS_ADDRESS"]
    connection = secretstorage.dbus_init()
    try:
        assert not secretstorage.check_service_availability(connection)
        with pytest.raises(secretstorage.SecretServiceNotAvailableException):
            secretstorage.get_default_collection(connection)
    finally:
        connection.close()


def test_once_locked_it_tells_nothing(secret_service: SecretService) -> None:
    BACKEND().set_password("p0-test", "session", "kept")
    secret_service.lock()
    connection = secretstorage.dbus_init()
    try:
        collection = secretstorage.get_default_collection(connection)
        assert collection.is_locked()
        [item] = collection.search_items({"service": "p0-test"})
        with pytest.raises(secretstorage.LockedException):
            item.get_secret()
    finally:
        connection.close()
