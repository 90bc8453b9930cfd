"""Profiles: strict files, the environment's overrides, and changes that leave the rest of a file alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0_launcher.errors import ConfigurationError
from p0_launcher.profile import ProfileTable, load, save, stored

PIN = "a" * 43
GOOD = f"""
# who we are
[profiles.default]
server = "http://127.0.0.1:8400/"
issuer = "https://id.example"
client_id = "p0"
agents = ["{PIN}"]

[profiles.staging]
server = "https://staging.example"
issuer = "https://id.example"
client_id = "p0"  # shared
storage = "file"
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "p0" / "config.toml"
    path.parent.mkdir()
    path.write_text(GOOD)
    return {"P0_CONFIG": str(path)}


def test_the_default_profile(environ: dict[str, str]) -> None:
    profile = load(environ=environ)
    assert (profile.name, profile.server, profile.agents) == ("default", "http://127.0.0.1:8400", frozenset({PIN}))
    assert profile.storage == "keyring"


def test_the_environment_chooses_and_overrides(environ: dict[str, str]) -> None:
    profile = load(environ=environ | {"P0_PROFILE": "staging", "P0_SERVER": "http://127.0.0.1:1"})
    assert (profile.name, profile.server, profile.storage) == ("staging", "http://127.0.0.1:1", "file")
    assert load("default", environ | {"P0_PROFILE": "staging"}).name == "default"


def test_the_only_profile_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[profiles.work]\nserver = "http://a"\nissuer = "http://b"\nclient_id = "c"\n')
    assert load(environ={"P0_CONFIG": str(path)}).name == "work"


def test_profiles_do_not_share_secrets(environ: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(GOOD)
    names = {
        load(environ=environ).storage_name,
        load("staging", environ).storage_name,
        load(environ={"P0_CONFIG": str(other)}).storage_name,
    }
    assert len(names) == 3


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("[profiles", "config_malformed", "is not TOML"),
        (GOOD.replace("client_id", "client_ids"), "config_invalid", "'client_id'"),
        (GOOD.replace("https://id", "ftp://id"), "config_invalid", "issuer"),
        (GOOD.replace(PIN, "short"), "config_invalid", "agents"),
        (GOOD.replace('"file"', '"plaintext"'), "config_invalid", "storage"),
        ("profile = 1\n" + GOOD, "config_invalid", "'profiles'"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(environ: dict[str, str], text: str, code: str, said: str) -> None:
    Path(environ["P0_CONFIG"]).write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(environ=environ)
    assert caught.value.code == code
    assert said in f"{caught.value} {caught.value.hint}"


def test_an_unknown_profile_suggests_one(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load("stagin", environ)
    assert caught.value.hint == "Did you mean 'staging'?"


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(environ={"P0_CONFIG": str(tmp_path / "none.toml")})
    assert caught.value.code == "config_missing"
    assert "p0 login" in (caught.value.hint or "")


def test_saving_changes_one_profile_and_keeps_the_rest(environ: dict[str, str]) -> None:
    name, table = stored("staging", environ)
    assert table is not None
    changed = ProfileTable(server=table.server, issuer="https://new.example", client_id="p0", agents=(PIN,))
    assert save(name, changed, environ).issuer == "https://new.example"
    text = Path(environ["P0_CONFIG"]).read_text()
    assert "# who we are" in text
    assert "# shared" in text
    again = load("staging", environ)
    assert (again.issuer, again.agents, again.storage) == ("https://new.example", frozenset({PIN}), "keyring")
    assert load("default", environ).agents == frozenset({PIN})


def test_saving_makes_the_first_file(tmp_path: Path) -> None:
    environ = {"P0_CONFIG": str(tmp_path / "new" / "config.toml")}
    assert stored(environ=environ) == ("default", None)
    save("default", ProfileTable(server="http://a", issuer="http://b", client_id="c", storage="file"), environ)
    assert load(environ=environ).storage == "file"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["config.toml"]
