"""What every secret store promises, on the real keyring and on files."""

from __future__ import annotations

import gc
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from fix_keyring import SecretService
from p0_access.secret import Secret
from p0_launcher.errors import ConfigurationError
from p0_launcher.storage import SecretStore
from p0_launcher.storage.file_store import FileStore
from p0_launcher.storage.keyring_store import KeyringStore


@pytest.fixture(params=["file", "keyring"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SecretStore]:
    if request.param == "file":
        yield FileStore(tmp_path / "secrets")
    else:
        request.getfixturevalue("secret_service")
        yield KeyringStore()


LONG = "x" * 60_000 + "ő\n\x00end"


@pytest.mark.parametrize("value", ["s3cret", "", 'quotes " and \\', LONG], ids=["plain", "empty", "quotes", "long"])
def test_gives_back_what_was_set(store: SecretStore, value: str) -> None:
    store.set("a name/with: anything", Secret(value))
    assert store.get("a name/with: anything") == Secret(value)


def test_knows_nothing_else(store: SecretStore) -> None:
    assert store.get("nothing") is None
    store.set("one", Secret("1"))
    assert store.get("One") is None
    assert store.get("nothing") is None


def test_the_last_value_stands(store: SecretStore) -> None:
    store.set("one", Secret("a longer first value"))
    store.set("two", Secret("2"))
    store.set("one", Secret("1"))
    assert store.get("one") == Secret("1")
    assert store.get("two") == Secret("2")


def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: SecretStore) -> None:
    store.set("one", Secret("1"))
    store.set("two", Secret("2"))
    store.delete("one")
    store.delete("one")
    assert store.get("one") is None
    assert store.get("two") == Secret("2")


@pytest.fixture
def leaky_bus() -> Iterator[None]:
    """`keyring` leaves its connection to the bus open when a call fails; that is collected here, and excused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def code_of(store: SecretStore) -> str:
    with pytest.raises(ConfigurationError) as caught:
        store.set("one", Secret("1"))
    assert caught.value.hint
    return caught.value.code


@pytest.mark.usefixtures("leaky_bus")
def test_a_locked_keyring_is_an_error_with_a_remedy(secret_service: SecretService) -> None:
    store = KeyringStore()
    store.set("one", Secret("1"))
    secret_service.lock()
    assert code_of(store) == "keyring_locked"
    with pytest.raises(ConfigurationError) as caught:
        store.get("one")
    assert caught.value.code == "keyring_locked"


@pytest.mark.usefixtures("no_secret_service", "leaky_bus")
def test_no_keyring_is_an_error_with_a_remedy() -> None:
    assert code_of(KeyringStore()) == "keyring_missing"


@pytest.mark.parametrize("name", ["keyring.backends.null.Keyring", "keyrings.alt.file.PlaintextKeyring"])
def test_a_backend_that_keeps_secrets_in_the_open_is_refused(name: str) -> None:
    assert code_of(KeyringStore({"PYTHON_KEYRING_BACKEND": name})) == "keyring_refused"


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "secrets"
    FileStore(directory).set("one", Secret("1"))
    (path,) = directory.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("exposed", ["file", "directory"])
def test_what_others_can_reach_is_refused(tmp_path: Path, exposed: str) -> None:
    store = FileStore(tmp_path / "secrets")
    store.set("one", Secret("1"))
    (path,) = (tmp_path / "secrets").iterdir()
    if exposed == "file":
        path.chmod(0o640)
    else:
        path.parent.chmod(0o755)
    with pytest.raises(ConfigurationError) as caught:
        store.get("one")
    assert caught.value.code == "storage_exposed"


def test_a_directory_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot use"):
        FileStore(tmp_path / "file" / "secrets").set("one", Secret("1"))
