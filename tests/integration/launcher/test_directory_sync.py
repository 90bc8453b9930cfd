"""`p0 directory sync` against a SCIM service on a socket: whoever is in a group there is in the file, and a bad answer
changes nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from fix_identity import up
from p0_access.encoding import sha256_b64u
from p0_access.routing.directory import Directory, load_directory
from p0_launcher.directory import scim
from p0_launcher.main import _main

TOKEN = "s3cr3t-of-scim"
ISSUER = "https://id.example"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

Change = Callable[[dict[str, Any]], Any]


def user(id_: str, *emails: str, **more: object) -> dict[str, Any]:
    listed = [{"value": each, "primary": number == 0} for number, each in enumerate(emails)]
    return {"id": id_, "userName": f"name-{id_}", "externalId": f"x-{id_}", "active": True, "emails": listed} | more


def group(id_: str, name: str, *members: str, **more: object) -> dict[str, Any]:
    return {"id": id_, "displayName": name, "members": [{"value": each} for each in members]} | more


@dataclass(kw_only=True)
class Service:
    """RFC 7644 as far as it is needed: lists in pages of at most `page`, entity tags, bearer tokens. `change` makes an
    answer a bad one."""

    url: str = ""
    page: int = 2
    tags: bool = True
    users: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    change: dict[str, Change] = field(default_factory=dict)
    status: int = 200
    asked: list[tuple[str, int]] = field(default_factory=list)
    trickles: bool = False

    async def answer(self, request: Request) -> Response:
        what = request.path_params["what"]
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._problem(401, "the token is not known")
        if self.status != 200:
            return self._problem(self.status, "not now")
        assert "application/scim+json" in request.headers["accept"]
        start, count = int(request.query_params["startIndex"]), int(request.query_params["count"])
        everything = {"Users": self.users, "Groups": self.groups}[what]
        shown = everything[start - 1 : start - 1 + min(count, self.page)]
        body = {"schemas": [LIST], "totalResults": len(everything), "startIndex": start, "itemsPerPage": len(shown)}
        body |= {"Resources": shown} if shown else {}
        if what in self.change:
            body = self.change[what](body)
        tag = f'W/"{sha256_b64u(repr(body).encode())}"'
        if self.tags and request.headers.get("if-none-match") == tag:
            self.asked.append((what, 304))
            return Response(status_code=304)
        self.asked.append((what, 200))
        if self.trickles:
            return StreamingResponse(self._spaces())
        headers = {"ETag": tag} if self.tags else {}
        return JSONResponse(body, headers=headers, media_type="application/scim+json")

    async def _spaces(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    def _problem(self, status: int, detail: str) -> Response:
        schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"]
        return JSONResponse({"schemas": schemas, "detail": detail, "status": str(status)}, status_code=status)


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scim.token").write_text(TOKEN + "\n")
    found = Service(
        users=[
            user("1", "ada@corp.example"),
            user("2", "Bob@corp.example", "b@x.example"),
            user("3", "cy@corp.example"),
        ],
        groups=[group("g1", "analysts", "1", "3"), group("g2", "data platform", "2"), group("g3", "nobody")],
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found.url = f"http://127.0.0.1:{listening.getsockname()[1]}/scim/v2"
        app = Starlette(routes=[Route("/scim/v2/{what}", found.answer)])
        async with up(uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off")), listening):
            yield found


Run = Callable[..., Any]


@pytest.fixture
def sync(service: Service, capsys: pytest.CaptureFixture[str]) -> Run:
    async def run(*more: str) -> tuple[int, str, str]:
        arguments = ["directory", "sync", "groups.toml", "--from", service.url, "--token-file", "scim.token",
                     "--issuer", ISSUER, *more]  # fmt: skip
        status = await asyncio.to_thread(_main, arguments)
        said = capsys.readouterr()
        assert TOKEN not in said.out + said.err
        return status, said.out, said.err

    return run


def written() -> Directory:
    return load_directory(Path("groups.toml").read_bytes(), source="groups.toml")


def groups_of(person: str) -> set[str]:
    return set(written().groups_of.get(person, ()))


async def test_who_is_in_a_group_there_is_in_the_file(service: Service, sync: Run) -> None:
    assert await sync() == (0, "groups.toml: 2 groups, 3 people\n", "")
    assert written().groups == {"analysts", "data platform"}
    assert groups_of(f"{ISSUER} ada@corp.example") == {"analysts"}
    assert groups_of(f"{ISSUER} bob@corp.example") == {"data platform"}
    assert groups_of(f"{ISSUER} b@x.example") == set()
    assert service.asked == [("Users", 200)] * 2 + [("Groups", 200)] * 2
    service.users[0]["active"] = False
    assert (await sync())[0] == 0
    assert groups_of(f"{ISSUER} ada@corp.example") == set()


async def test_groups_within_groups(service: Service, sync: Run) -> None:
    service.groups += [group("g4", "everybody", "g1", "g5"), group("g5", "more", "g4", "2", "unheard-of")]
    assert (await sync())[0] == 0
    assert groups_of(f"{ISSUER} ada@corp.example") == {"analysts", "everybody", "more"}
    assert groups_of(f"{ISSUER} bob@corp.example") == {"data platform", "everybody", "more"}


async def test_users_and_groups_may_be_numbered_apart(service: Service, sync: Run) -> None:
    """Group 1 is not user 1, nor is a user who is gone the group of that number."""
    service.groups = [
        group("1", "analysts") | {"members": [{"value": "1", "type": "User"}, {"value": "2"}]},
        group("7", "team", "1", "3"),
        group("8", "admins") | {"members": [{"value": "7", "type": "User"}, {"value": "3", "type": "User"}]},
        group("9", "outer") | {"members": [{"value": "1", "type": "Group"}]},
    ]
    assert (await sync())[0] == 0
    assert groups_of(f"{ISSUER} ada@corp.example") == {"analysts", "outer"}
    assert groups_of(f"{ISSUER} bob@corp.example") == {"analysts", "outer"}
    assert groups_of(f"{ISSUER} cy@corp.example") == {"team", "admins"}


async def test_the_token_goes_to_the_service_alone(service: Service, sync: Run, tmp_path: Path) -> None:
    """Whatever the file beside says of pages to ask for again."""
    await sync()
    beside = tmp_path / "groups.toml.sync"
    beside.write_text(beside.read_text().replace("/scim/v2/Groups?", "/elsewhere?"))
    service.groups[0]["members"] = [{"value": "3"}]
    assert await sync() == (0, "groups.toml: 2 groups, 2 people\n", "")


async def test_people_by_their_subject_and_some_groups_only(service: Service, sync: Run) -> None:
    assert await sync("--person", "externalId", "--group", "ana*") == (0, "groups.toml: 1 groups, 2 people\n", "")
    assert written().groups_of == {f"{ISSUER}#x-1": {"analysts"}, f"{ISSUER}#x-3": {"analysts"}}


async def test_what_did_not_change_is_not_read_again(service: Service, sync: Run, tmp_path: Path) -> None:
    await sync()
    before = (tmp_path / "groups.toml").read_bytes()
    service.asked.clear()
    assert await sync() == (0, "groups.toml: unchanged\n", "")
    assert service.asked == [("Users", 304)] * 2 + [("Groups", 304)] * 2
    service.groups[1]["members"] = [{"value": "3"}]
    assert (await sync())[1] == "groups.toml: 2 groups, 2 people\n"
    (tmp_path / "groups.toml").write_bytes(before)  # somebody put the old one back
    assert (await sync())[1] == "groups.toml: 2 groups, 2 people\n"
    service.tags = False
    await sync("--group", "*")
    service.asked.clear()
    assert (await sync("--group", "*"))[1] == "groups.toml: unchanged, 2 groups, 2 people\n"
    assert 304 not in dict(service.asked).values()


async def test_who_is_not_certain_is_left_out_and_told(service: Service, sync: Run) -> None:
    service.users += [
        user("4", active=True),
        user("5", "eve@corp.example"),
        user("6", "EVE@corp.example"),
        user("7", "old@corp.example", active=False),
        user("8", "not an address"),
        {"id": "9", "active": True, "emails": [{"value": "one@corp.example"}, {"value": "two@corp.example"}]},
        {"id": "10", "emails": [{"value": "fay@corp.example"}]},
    ]
    service.groups += [group("g4", "team", *"456789", "10", "1"), group("g5", "what?", "1")]
    service.groups[-2]["members"].append({"display": "Gil", "$ref": "../Users/11"})
    status, _, err = await sync()
    assert status == 0
    assert {person for person, groups in written().groups_of.items() if "team" in groups} == {
        f"{ISSUER} ada@corp.example"
    }
    assert err.splitlines() == [
        'p0: left out: group g5: "what?" is not a group',
        "p0: left out: user 4: no address of their own",
        "p0: left out: user 8: no address of their own",
        "p0: left out: user 9: no address of their own",
        "p0: left out: user 5: eve@corp.example is somebody else's, too",
        "p0: left out: user 6: eve@corp.example is somebody else's, too",
        "p0: left out: user 10: not said to be active",
        "p0: left out: group g4: a member without an id",
    ]


async def test_where_nobody_is_said_to_be_active_all_are(service: Service, sync: Run) -> None:
    service.users = [{key: value for key, value in each.items() if key != "active"} for each in service.users]
    assert await sync() == (0, "groups.toml: 2 groups, 3 people\n", "")


def moving(service: Service) -> Change:
    """After the first page one user goes and another comes: so many as before, and one who is passed over."""

    def change(body: dict[str, Any]) -> dict[str, Any]:
        if body["startIndex"] == 1 and service.users[0]["id"] == "1":
            del service.users[0]
            service.users.append(user("4", "dee@corp.example"))
        return body

    return change


@pytest.mark.parametrize("page", [1, 2])
async def test_pages_that_move_while_they_are_read_are_no_directory(service: Service, sync: Run, page: int) -> None:
    service.page = page
    service.change["Users"] = moving(service)
    status, _, err = await sync()
    assert (status, "its Users changed while they were read" in err, "Run it again" in err) == (69, True, True)
    assert set(kept()) == set()
    service.change.clear()
    assert await sync() == (0, "groups.toml: 2 groups, 2 people\n", ""), "one at a time is read, too"


async def test_all_that_is_read_has_a_limit(service: Service, sync: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scim, "MAX_BYTES", 1_000)
    status, _, err = await sync()
    assert (status, "its answers are larger than 1000 bytes" in err) == (69, True)


async def test_so_has_the_time(service: Service, sync: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that gives a little at a time never falls silent."""
    monkeypatch.setattr(scim, "MAX_SECONDS", 0.2)
    service.trickles = True
    status, _, err = await sync()
    assert (status, "takes longer than" in err) == (69, True)
    assert set(kept()) == set()


async def test_what_another_version_left_is_made_again(service: Service, sync: Run, tmp_path: Path) -> None:
    await sync()
    beside = tmp_path / "groups.toml.sync"
    assert beside.read_text().startswith('{"v":1,')
    for other in ('{"v":2,', "{"):
        beside.write_text(beside.read_text().replace('{"v":1,', other))
        assert (await sync())[1] == "groups.toml: unchanged, 2 groups, 3 people\n"


def kept() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path().iterdir() if path.name != "scim.token"}


def counting(*totals: int) -> Change:
    """A number of all that is another on each page."""
    left = iter(totals)
    return lambda body: body | {"totalResults": next(left)}


def without(*keys: str) -> Change:
    return lambda body: {key: value for key, value in body.items() if key not in keys}


BAD: list[tuple[Callable[[Service], object], int, str]] = [
    (lambda service: setattr(service, "status", 503), 69, "it says 503: not now"),
    (lambda service: setattr(service, "status", 302), 69, "it says 302: not now"),
    (lambda service: service.change.update(Users=without("totalResults")), 69, "are not a list of SCIM"),
    (lambda service: service.change.update(Users=without("Resources")), 69, "leave some out"),
    (lambda service: service.change.update(Groups=lambda body: [body]), 69, "are not a list of SCIM"),
    (lambda service: service.change.update(Users=counting(3, 2)), 69, "changed while"),
    (lambda service: service.change.update(Users=lambda body: body | {"totalResults": 10**9}), 69, "more than"),
    (lambda service: service.users.append(service.users[0]), 69, "give some twice"),
    (lambda service: service.users[0].update(active="False"), 69, "are not a list of SCIM"),
    (lambda service: service.groups[0].update(members="1"), 69, "are not a list of SCIM"),
    (lambda service: service.groups[0].update(members=["1"]), 69, "are not a list of SCIM"),
    (lambda service: service.groups[0].update(members={"value": "1"}), 69, "are not a list of SCIM"),
    (lambda service: service.groups.append(group("g9", "analysts", "2")), 78, 'two groups are called "analysts"'),
    (lambda service: service.groups.clear(), 78, "no group has a member"),
    (lambda service: Path("scim.token").write_text("another"), 78, "does not take the token (401): the token is not"),
    (lambda service: Path("scim.token").write_text("two tokens"), 78, "does not hold one token"),
    (lambda service: Path("scim.token").write_text(f"{TOKEN}\0"), 78, "does not hold one token"),
    (lambda service: Path("scim.token").unlink(), 78, "cannot read a token"),
    (lambda service: setattr(service, "url", "https://[::1/scim"), 64, "--from is no URL"),
    (lambda service: setattr(service, "url", "https://id.example:x/scim"), 64, "--from is no URL"),
    (lambda service: setattr(service, "url", "http://id.example/scim"), 64, "is not https://"),
    (lambda service: setattr(service, "url", "https://ada:pw@id.example/scim"), 64, "no query, fragment, name"),
    (lambda service: setattr(service, "url", "http://127.0.0.1:1/scim"), 69, "does not answer"),
]


@pytest.mark.parametrize(("spoil", "exits", "said"), BAD)
async def test_a_bad_answer_changes_nothing(
    service: Service, sync: Run, spoil: Callable[[Service], object], exits: int, said: str
) -> None:
    service.tags = False
    await sync()
    before = kept()
    spoil(service)
    status, out, err = await sync()
    assert (status, out) == (exits, "")
    assert said in err
    assert kept() == before
