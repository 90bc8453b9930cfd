"""The agent's own channel for what must not pass through the server: the notice of an emergency.

A web hook or a command, named in the agent's own configuration. It delivers one JSON object: `text` for people, which
chat systems show as it is, and `record`, the same signed by the agent (`p0-notice+jws`).
"""

from __future__ import annotations

import asyncio
from typing import Final

import httpx

from p0_access.encoding import encode
from p0_agent.config import NoticeSettings
from p0_agent.errors import AgentError

TIMEOUT_SECONDS: Final = 10.0


class NoticeError(AgentError):
    """The notice did not arrive."""


class NoticeChannel:
    """Sends what it is given, or raises `NoticeError`. Not configured, it always raises."""

    def __init__(self, settings: NoticeSettings) -> None:
        self._settings = settings

    @property
    def required(self) -> bool:
        """Whether nothing is granted that could not be told."""
        return self._settings.required

    async def send(self, text: str, record: str) -> None:
        """`record` is the compact form of a signed `Notice`."""
        body = encode({"text": text, "record": record})
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if self._settings.url is not None:
                    await _post(self._settings.url, body)
                elif self._settings.command is not None:
                    await _run(self._settings.command, body)
                else:
                    raise NoticeError("the agent has no channel for notices", code="notice_unconfigured")
        except TimeoutError as error:
            raise NoticeError("the notice was not taken in time", code="notice_failed") from error


async def _post(url: str, body: bytes) -> None:
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
            response = await client.post(url, content=body, headers={"Content-Type": "application/json"})
    except (httpx.HTTPError, httpx.InvalidURL) as error:  # its text may show the URL, which may hold a secret
        raise NoticeError("the web hook for notices does not answer", code="notice_failed") from error
    if not response.is_success:
        raise NoticeError(f"the web hook for notices answered {response.status_code}", code="notice_failed")


async def _run(command: tuple[str, ...], body: bytes) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise NoticeError(f"the command for notices does not start: {error.strerror}", code="notice_failed") from error
    try:
        await process.communicate(body)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise NoticeError(f"the command for notices ended with {process.returncode}", code="notice_failed")
