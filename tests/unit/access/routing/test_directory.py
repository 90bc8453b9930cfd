"""A directory file: who is in which group, and what in it is refused."""

from __future__ import annotations

import pytest

from p0_access.errors import DirectoryError
from p0_access.routing.directory import MAX_GROUPS_OF_ONE, Directory, load_directory

ISSUER = "https://id.example"
TOML = f"""
issuer = "{ISSUER}"
[groups]
analysts = ["Ada@corp.example", "{ISSUER}#17"]
privacy = ["17"]
empty = []
"""
CSV = f"Group,Person,Issuer\nanalysts,Ada@corp.example,{ISSUER}\nanalysts,17,{ISSUER}\nprivacy,{ISSUER}#17,\n"


def load(text: str, source: str = "groups.toml") -> Directory:
    return load_directory(text.encode(), source=source)


@pytest.mark.parametrize(("text", "source"), [(TOML, "groups.toml"), (CSV, "groups.csv"), ("\ufeff" + CSV, "x.CSV")])
def test_who_is_in_which_group(text: str, source: str) -> None:
    directory = load(text, source)
    assert directory.extended((), iss=ISSUER, sub="1", email="ada@corp.example") == ("analysts",)
    assert directory.extended(("own",), iss=ISSUER, sub="17", email=None) == ("own", "analysts", "privacy")
    assert directory.extended(("analysts",), iss=ISSUER, sub="17", email=None) == ("analysts", "privacy")


def test_another_issuers_people_are_others() -> None:
    directory = load(TOML)
    assert directory.extended((), iss="https://other.example", sub="17", email="ada@corp.example") == ()
    assert directory.extended((), iss=ISSUER, sub="1", email=None) == ()
    assert directory.extended((), iss=ISSUER, sub="ada@corp.example", email=None) == ()


def test_without_a_file_nothing_is_added() -> None:
    assert Directory().extended(("own",), iss=ISSUER, sub="17", email=None) == ("own",)


@pytest.mark.parametrize(
    ("source", "text", "says"),
    [
        ("groups.toml", "groups = 1", "groups.toml: Expected `object`"),
        ("groups.toml", "[group]\na = []", "unknown field `group`"),
        ("groups.toml", "[groups", "groups.toml: not TOML"),
        ("groups.toml", '[groups]\na = ["ada@corp.example"]', "groups.a: an e-mail address means nothing"),
        ("groups.toml", '[groups]\na = ["ada"]', 'groups.a: "ada" names no issuer'),
        ("groups.toml", f'issuer = "{ISSUER}"\n[groups]\na = ["*@corp.example"]', "is not an approver"),
        ("groups.toml", f'issuer = "{ISSUER}"\n[groups]\n"a*" = ["x"]', '"a*" is not a group'),
        ("groups.toml", f'issuer = "{ISSUER}"\n[groups]\na = [""]', "must be named"),
        ("groups.toml", 'issuer = "id.example"\n[groups]\na = ["x"]', "is not an issuer"),
        ("groups.csv", "team,person\na,b\n", "groups.csv:1: the first line names the columns"),
        ("groups.csv", "", "groups.csv:1: the first line names the columns"),
        ("groups.csv", f"group,person\na,{ISSUER}#x\nb\n", "groups.csv:3: not as many fields"),
        ("groups.csv", f"group,person\na,{ISSUER}#x,more\n", "groups.csv:2: not as many fields"),
        ("groups.csv", 'group,person\na,"b\n', "not CSV"),
    ],
)
def test_what_is_refused(source: str, text: str, says: str) -> None:
    with pytest.raises(DirectoryError) as refused:
        load(text, source)
    assert says in str(refused.value)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(DirectoryError, match="not UTF-8"):
        load_directory(b"\xff", source="groups.toml")


def test_a_person_of_too_many_groups_is_refused() -> None:
    rows = "".join(f"g{number},{ISSUER}#x\n" for number in range(MAX_GROUPS_OF_ONE + 1))
    with pytest.raises(DirectoryError, match="more than 500 groups"):
        load("group,person\n" + rows, "groups.csv")
