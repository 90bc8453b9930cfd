"""Tokens of the platform that a workload runs on, for an audience that the workload chooses.

    github              GitHub Actions, in a job with `permissions: {id-token: write}`
    command:ARGUMENTS   what a program prints; {audience} stands for the audience:
                        command:kubectl create token deployer --audience {audience}

The audience commits to the session key, so a token that was made beforehand, with an audience of its own, is of no use.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Mapping
from typing import Final

import msgspec

from p0_access.encoding import strict_json
from p0_access.errors import MalformedError
from p0_access.proof.id_token import MAX_TOKEN_CHARS
from p0_access.secret import Hidden
from p0_launcher.errors import ConfigurationError, UnavailableError, UsageError
from p0_launcher.http import httpx
from p0_launcher.network import is_loopback

COMMAND: Final = "command:"
PLACE: Final = "{audience}"
_SECONDS: Final = 30.0


class _GithubAnswer(Hidden, msgspec.Struct, frozen=True, kw_only=True):
    value: str


def check_source(source: str) -> None:
    """`UsageError` for a source that is none."""
    if source == "github":
        return
    if not source.startswith(COMMAND) or not any(PLACE in word for word in _words(source)[1:]):
        raise UsageError(
            f"{source!r} is no source of identity tokens",
            code="token_source_unknown",
            hint="github, or command:ARGUMENTS with {audience} among them",
        )


def _words(source: str) -> list[str]:
    """Of a command, as a shell would split it; none where quotes do not match."""
    try:
        return shlex.split(source.removeprefix(COMMAND))
    except ValueError:
        return []


async def identity_token(source: str, audience: str, environ: Mapping[str, str] = os.environ) -> str:
    """An unverified token for `audience`."""
    check_source(source)
    if source == "github":
        token = await _from_github(audience, environ)
    else:
        token = await _from_command(_words(source), audience)
    if not token or len(token) > MAX_TOKEN_CHARS:
        raise ConfigurationError(
            "the platform gave no identity token",
            code="token_source_failed",
            hint="Does it run where --identity-token-from says?",
        )
    return token


async def _from_github(audience: str, environ: Mapping[str, str]) -> str:
    url, secret = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL"), environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if not url or not secret:
        raise ConfigurationError(
            "this is no job of GitHub Actions that may have an identity token",
            code="token_source_missing",
            hint="Give the job: permissions: {id-token: write}",
        )
    target = httpx.URL(url)
    if target.scheme != "https" and not is_loopback(target.host):
        raise ConfigurationError(
            "the platform's URL for tokens is not https",
            code="token_source_insecure",
            hint="ACTIONS_ID_TOKEN_REQUEST_URL is GitHub's: run p0 login in the job itself",
        )
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=not is_loopback(target.host)) as client:
            response = await client.get(
                target.copy_merge_params({"audience": audience}), headers={"Authorization": f"Bearer {secret}"}
            )
        if not response.is_success:
            raise UnavailableError(
                f"GitHub answered {response.status_code} when asked for a token",
                code="token_source_failed",
                hint="The job needs permissions: {id-token: write}",
            )
        return msgspec.convert(strict_json(response.content), _GithubAnswer).value
    except httpx.HTTPError as error:
        raise UnavailableError(
            "GitHub gives no identity token",
            code="token_source_failed",
            hint="The job needs permissions: {id-token: write}",
        ) from error
    except (MalformedError, msgspec.ValidationError) as error:
        raise UnavailableError(
            "GitHub's answer is not a token", code="token_source_failed", hint="Try again"
        ) from error


async def _from_command(command: list[str], audience: str) -> str:
    """No shell: the words are run as they are."""
    words = [word.replace(PLACE, audience) for word in command]
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise ConfigurationError(
            f"cannot run {words[0]}: {error.strerror}",
            code="token_source_failed",
            hint="Is it installed, and on the PATH?",
        ) from error
    try:
        async with asyncio.timeout(_SECONDS):
            printed, _ = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise UnavailableError(
            f"{words[0]} gives no token", code="token_source_failed", hint="It is given 30 seconds; run it by hand"
        ) from error
    if process.returncode != 0:
        raise UnavailableError(
            f"{words[0]} ended with {process.returncode}",
            code="token_source_failed",
            hint="Run it by hand: it must print a token for the audience, and nothing else",
        )
    return printed.decode("ascii", errors="replace").strip()
