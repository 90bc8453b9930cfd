"""The server's configuration file: what it may say, and what is refused with a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0_access.proof.keys import SigningKey
from p0_server.config import Settings, check_exposure, load
from p0_server.errors import ConfigurationError

KEY = SigningKey(b"\x01" * 32).public
GOOD = f"""
listen = "127.0.0.1:8400"
store = "data/p0.db"
rules = "/etc/p0/rules.yaml"

[[issuers]]
issuer = "https://id.example"
client_ids = ["p0"]
groups_claim = "roles"

[[agents]]
name = "mydatabase"
thumbprint = "{KEY.thumbprint}"
jwk = {{kty = "OKP", crv = "Ed25519", x = "{KEY.x}"}}
databases = ["mydatabase", "other"]
"""


def written(directory: Path, text: str) -> Path:
    path = directory / "server.toml"
    path.write_text(text)
    return path


def refused(directory: Path, text: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(written(directory, text))
    assert "server.toml" in str(caught.value)
    return caught.value


def test_a_whole_file(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))
    assert settings.address == ("127.0.0.1", 8400)
    assert settings.path(settings.store) == tmp_path / "data" / "p0.db"
    assert settings.path(settings.rules) == Path("/etc/p0/rules.yaml")
    assert settings.issuers[0].groups_claim == "roles"
    assert settings.agent_of["other"].thumbprint == KEY.thumbprint


@pytest.mark.parametrize(
    ("written_as", "instead", "said", "hint"),
    [
        ("listen =", "lissten =", "unknown field `lissten`", "Did you mean 'listen'?"),
        ("client_ids", "client_id", "unknown field `client_id`", "Did you mean 'client_ids'?"),
        ("thumbprint", "fingerprint", "unknown field `fingerprint`", None),
        ('store = "data/p0.db"', "store = 7", "Expected `str`, got `int`", None),
        (KEY.thumbprint, "x" * 43, f"the thumbprint of this jwk is {KEY.thumbprint}", None),
        ('"other"]', '"mydatabase"]', "the database mydatabase stands twice", None),
        ('client_ids = ["p0"]', "client_ids = []", "needs client_ids", None),
        ("groups_claim", 'algorithms = ["HS256"]\ngroups_claim', "algorithms must be among", None),
        ("listen =", 'directory = "/"\nlisten =', "$.directory", None),
    ],
)
def test_a_slip_is_told_with_a_hint(tmp_path: Path, written_as: str, instead: str, said: str, hint: str | None) -> None:
    error = refused(tmp_path, GOOD.replace(written_as, instead))
    assert error.code == "config_invalid"
    assert said in str(error)
    if hint is not None:
        assert error.hint == hint


def test_what_is_not_toml(tmp_path: Path) -> None:
    assert refused(tmp_path, "listen = ").code == "config_malformed"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "none.toml")
    assert caught.value.code == "config_unreadable"


@pytest.mark.parametrize("listen", ["8400", "localhost", "localhost:port", "localhost:70000", ":8400"])
def test_what_is_no_address(tmp_path: Path, listen: str) -> None:
    settings = load(written(tmp_path, GOOD.replace("127.0.0.1:8400", listen)))
    with pytest.raises(ConfigurationError):
        _ = settings.address


@pytest.mark.parametrize(
    ("listen", "more", "code"),
    [
        ("127.0.0.1:0", "", None),
        ("[::1]:0", "", None),
        ("localhost:0", "", None),
        ("0.0.0.0:8400", "", "listen_exposed"),
        ("p0.internal:8400", "", "listen_exposed"),
        ("0.0.0.0:8400", "behind_proxy = true\n", "url_missing"),
        ("0.0.0.0:8400", 'behind_proxy = true\nurl = "https://p0.example"\n', None),
        ("0.0.0.0:8400", 'behind_proxy = true\nurl = "http://p0.example"\n', "url_insecure"),
        ("127.0.0.1:8400", 'url = "http://p0.example"\n', "url_insecure"),
        ("127.0.0.1:8400", 'url = "http://localhost:80"\n', None),
        ("0.0.0.0:8400", 'url = "https://p0.example"\ntls = {certificate = "c.pem", key = "k.pem"}\n', None),
    ],
)
def test_only_this_machine_is_spoken_to_without_tls(tmp_path: Path, listen: str, more: str, code: str | None) -> None:
    settings: Settings = load(written(tmp_path, more + GOOD.replace("127.0.0.1:8400", listen)))
    if code is None:
        check_exposure(settings)
        return
    with pytest.raises(ConfigurationError) as caught:
        check_exposure(settings)
    assert caught.value.code == code
    assert caught.value.hint is not None


NOTICE = """
[[notices]]
to = "webhook"
name = "hook"
url = "https://hooks.example/p0"
secrets_file = "secrets"
"""
MAIL = """
[[notices]]
to = "email"
name = "dba"
host = "mail.example"
sender = "p0@corp.example"
recipients = ["dba@corp.example"]
"""


@pytest.mark.parametrize(
    ("text", "written_as", "instead", "said"),
    [
        (NOTICE, "https://hooks", "http://hooks", "the url is https://"),
        (NOTICE, "https://hooks", "https://user:password@hooks", "the url is https://"),
        (NOTICE, "https://hooks", "file://hooks", "the url is https://"),
        (NOTICE, "secrets_file", "secret", "unknown field `secret`"),
        (NOTICE, '"hook"', '"hook"\nevents = ["wating"]', "Invalid enum value 'wating'"),
        (NOTICE, '"hook"', '"hook"\nevents = []', "length >= 1"),
        (NOTICE, '"hook"', '"hook"\ninclude = ["sql"]', "Invalid enum value 'sql'"),
        (NOTICE, '"hook"', '"hook"\ndatabases = ["^prod"]', '"^prod" is not a pattern'),
        (NOTICE, '"webhook"', '"pager"', "Invalid value 'pager'"),
        (NOTICE + NOTICE, "", "", "the target of notices hook stands twice"),
        (MAIL, "mail.example", "mail.example/x", "$.notices[0].host"),
        (MAIL, '"mail.example"', '"mail.example"\ntls = "none"', "is for a mail server on this machine"),
        (MAIL, '"mail.example"', '"mail.example"\nuser = "p0"', "user and password_file go together"),
        (MAIL, '["dba@corp.example"]', "[]", "length >= 1"),
        (MAIL, "dba@corp", "a@b,dba@corp", "$.notices[0].recipients[0]"),
    ],
)
def test_notices_that_could_go_wrong(tmp_path: Path, text: str, written_as: str, instead: str, said: str) -> None:
    changed = text.replace(written_as, instead, 1) if written_as else text
    assert said in str(refused(tmp_path, GOOD + changed))


def test_notices_on_this_machine_need_no_tls(tmp_path: Path) -> None:
    local = NOTICE.replace("https://hooks.example", "http://127.0.0.1:9000") + MAIL.replace("mail.example", "localhost")
    settings = load(written(tmp_path, GOOD + local.replace("sender", 'tls = "none"\nsender')))
    assert [target.name for target in settings.notices] == ["hook", "dba"]
    assert settings.notices[0].events == ("waiting",)
    assert settings.notices[0].include == ()
