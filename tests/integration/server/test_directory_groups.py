"""Groups from a directory file count at once, are followed, and are asked for in vain when the file is bad."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import msgspec
import pytest

from fix_plane import CUSTOMERS, MARKETS, Plane, code
from p0_access.errors import DirectoryError
from p0_server.app import create_app
from p0_server.config import Settings
from p0_server.store.sqlite import SqliteStore

SECONDS = 10


class Listed(Plane):
    @property
    def settings(self) -> Settings:
        return msgspec.structs.replace(super().settings, groups="groups.toml")

    def write(self, **groups: list[str]) -> None:
        lines = "".join(f"{name} = {people!r}\n" for name, people in groups.items())
        issuer = self.issuer.issuer.trusted.issuer
        (self.directory / "groups.toml").write_text(f"issuer = {issuer!r}\n[groups]\n{lines}")


async def verdict(plane: Plane) -> str:
    body = {"database": "mydatabase", "statements": [MARKETS]}
    return str((await plane.eve.call("POST", "/v1/explain", body)).json()["decision"]["verdict"])


async def noted(plane: Plane) -> str:
    store = await SqliteStore.open(plane.directory / "p0.db")
    try:
        remark = await store.remarked("rules")
    finally:
        await store.close()
    return "" if remark is None else " ".join(remark.said["problems"])


async def test_a_group_of_the_directory_counts_and_is_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plane = Listed(directory=tmp_path)
    plane.write(analysts=["eve@corp.example"])
    caplog.set_level(logging.INFO)
    async with plane.running() as running:
        await plane.agent.announce()
        await plane.agent.publish()
        assert (await plane.eve.get("/v1/me")).json()["groups"] == ["analysts"]
        assert await verdict(plane) == "auto"
        assert 'names the group "privacy", which nobody is in by the directory (it has analysts)' in caplog.text

        async def followed(said: str) -> None:
            running.renew_rules()
            async with asyncio.timeout(SECONDS):
                while True:
                    if said in caplog.text:
                        return
                    await asyncio.sleep(0.01)

        (tmp_path / "groups.toml").write_text("[groups]\nanalysts = ['eve']")
        await followed("directory not usable, the old ones stay")
        assert await verdict(plane) == "auto"
        assert 'groups.analysts: "eve" names no issuer' in await noted(plane)
        plane.write(privacy=["eve@corp.example"])
        await followed("directory replaced")
        assert await verdict(plane) == "deny"  # no analyst any more
        view = await plane.ada.submit(CUSTOMERS)
        assert (await plane.eve.view(view.rid)).rid == view.rid  # but a reviewer


async def test_a_server_does_not_start_with_a_bad_directory(tmp_path: Path) -> None:
    plane = Listed(directory=tmp_path)
    (tmp_path / "groups.toml").write_text("nonsense")
    with pytest.raises(DirectoryError):
        create_app(plane.settings)


async def test_somebody_elses_address_of_another_provider_is_nobody(tmp_path: Path) -> None:
    plane = Listed(directory=tmp_path)
    (tmp_path / "groups.toml").write_text(
        "issuer = 'https://other.example'\n[groups]\nanalysts = ['eve@corp.example']\n"
    )
    async with plane.running():
        await plane.agent.announce()
        assert (await plane.eve.get("/v1/me")).json()["groups"] == []
        assert code(await plane.eve.get("/v1/databases/silent/catalog")) == (404, "unknown_database")
