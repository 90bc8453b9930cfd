"""Configuration files: what is wrong is said with the file's name, and a slip with what was probably meant."""

from __future__ import annotations

import msgspec
import pytest

from p0_access.errors import MalformedError
from p0_access.settings import parse_settings


class Inner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    address: str


class Outer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    servers: tuple[Inner, ...] = ()
    named: dict[str, Inner] = {}
    timeout: int | None = None


def refusal(text: str) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        parse_settings(text, Outer, source="app.toml")
    return caught.value


def test_a_good_file_is_a_record() -> None:
    text = 'timeout = 3\n[[servers]]\naddress = "a"\n[named.x]\naddress = "b"\n'
    assert parse_settings(text, Outer, source="app.toml") == Outer(
        timeout=3, servers=(Inner(address="a"),), named={"x": Inner(address="b")}
    )


@pytest.mark.parametrize(
    ("text", "code", "message", "hint"),
    [
        ("timeout = ", "config_malformed", "app.toml is not TOML", None),
        ("timeout = 'soon'", "config_invalid", "timeout", None),
        ("timeuot = 3", "config_invalid", "timeuot", "Did you mean 'timeout'?"),
        ("[[servers]]\nadress = 'a'", "config_invalid", "adress", "Did you mean 'address'?"),
        ("[named.x]\naddress = 'a'\nadress = 'b'", "config_invalid", "adress", "Did you mean 'address'?"),
        ("colour = 'red'", "config_invalid", "colour", "Known: address, named, servers, timeout"),
    ],
)
def test_a_bad_one_says_where_and_what_was_meant(text: str, code: str, message: str, hint: str | None) -> None:
    error = refusal(text)
    assert (error.code, error.hint) == (code, hint)
    assert str(error).startswith("app.toml")
    assert message in str(error)
