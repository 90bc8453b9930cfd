"""The agent's configuration: what is wrong is named with its file, and what nobody else may read is not readable."""

from __future__ import annotations

import secrets
import stat
from pathlib import Path

import pytest
import tomlkit

from p0_agent.config import agent_key, load
from p0_agent.errors import ConfigurationError

GOOD = """
server = "http://127.0.0.1:8400"
rules = "rules.yaml"
[[issuers]]
issuer = "https://id.example"
client_ids = ["p0"]
[cluster]
host = "127.0.0.1"
home = "postgres"
password_file = "agent.password"
reader_password_file = "reader.password"
[advertised]
host = "db.example"
[[databases]]
name = "mydatabase"
schemas = ["enterprise"]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    return path


def refusal(path: Path) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    return caught.value


def test_paths_are_relative_to_the_file_and_what_is_left_out_is_safe(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))
    assert settings.path(settings.rules) == tmp_path / "rules.yaml"
    assert settings.advertised.sslmode == settings.cluster.sslmode == "verify-full"
    assert "TRUNCATE" not in settings.ceiling.privileges
    (tmp_path / "agent.password").write_text("correct horse\n")
    password = settings.secret(settings.cluster.password_file)
    assert password.reveal() == "correct horse"
    assert "correct" not in repr(settings) + repr(password)


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (("home =", "hoem ="), "hoem", "home"),
        (("[advertised]", "[advertized]"), "advertized", "advertised"),
        (('server = "http', 'server = "ftp'), "server", None),
        (('schemas = ["enterprise"]', "schemas = []"), "schemas", None),
        (('schemas = ["enterprise"]', 'schemas = ["enterprise", "p0_guard"]'), "p0_guard is PostgreSQL's or the", None),
        (('schemas = ["enterprise"]', 'schemas = ["pg_catalog"]'), "pg_catalog is PostgreSQL's or the", None),
        (('rules = "rules.yaml"', "rules = 3"), "rules", None),
        (('client_ids = ["p0"]', 'client_ids = ["p0"]\nalgorithms = ["HS256"]'), "algorithms", None),
        (("[cluster]", "[cluster"), "not TOML", None),
        (('rules = "rules.yaml"', 'rules = "rules.yaml"\ndirectory = "/"'), "directory", None),
    ],
)
def test_what_is_wrong_is_named_with_its_file(
    tmp_path: Path, change: tuple[str, str], message: str, hint: str | None
) -> None:
    assert change[0] in GOOD
    path = written(tmp_path, GOOD.replace(*change))
    error = refusal(path)
    assert str(path) in str(error)
    assert message in str(error)
    if hint is not None:
        assert hint in (error.hint or "")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "agent.toml") in str(refusal(tmp_path / "agent.toml"))
    settings = load(written(tmp_path, GOOD))
    with pytest.raises(ConfigurationError, match=r"agent\.password"):
        settings.secret(settings.cluster.password_file)


def test_the_ceiling_takes_kinds_by_name(tmp_path: Path) -> None:
    document = tomlkit.parse(GOOD)
    document["ceiling"] = {"kinds": ["column"], "max_ttl": 60}
    settings = load(written(tmp_path, tomlkit.dumps(document)))
    assert [kind.value for kind in settings.ceiling.kinds] == ["column"]


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "agent.key"
    made = agent_key(path, secrets.token_bytes)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert agent_key(path, secrets.token_bytes).public == made.public
    assert [item.name for item in tmp_path.iterdir()] == ["agent.key"]


def test_a_key_that_others_can_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "agent.key"
    agent_key(path, secrets.token_bytes)
    path.chmod(0o640)
    with pytest.raises(ConfigurationError) as caught:
        agent_key(path, secrets.token_bytes)
    assert caught.value.code == "key_exposed"
    path.chmod(0o600)
    for content, code in ((b"hello\n", "key_malformed"), (b"\xff\xfe\n", "config_malformed")):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError) as caught:
            agent_key(path, secrets.token_bytes)
        assert caught.value.code == code


def test_a_secret_that_is_empty_or_cannot_be_made_is_told(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))
    (tmp_path / "agent.password").write_text("\n")
    with pytest.raises(ConfigurationError) as caught:
        settings.secret("agent.password")
    assert (caught.value.code, bool(caught.value.hint)) == ("secret_empty", True)
    with pytest.raises(ConfigurationError) as caught:
        agent_key(tmp_path / "nowhere" / "agent.key", secrets.token_bytes)
    assert (caught.value.code, bool(caught.value.hint)) == ("secret_unwritable", True)
