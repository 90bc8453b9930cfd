"""Handing psql a login: its arguments and environment, and the password in an anonymous file that only this process and
what it becomes can open. Nothing of it is in an argument, in the environment, or on a disk. Other programs that read
libpq's environment are handed one the same way.

What was signed is what runs: files given by -f were read once, and reach psql as anonymous files too; with signed SQL
psql reads no psqlrc, since that may run or redefine anything. Free SQL (a role or a grant) keeps the person's psqlrc.

The caller's PG variables are left behind: one could redirect the connection or change what SQL means.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

import msgspec
from msgspec import UNSET

from p0_access.messages.records import What
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH
from p0_access.secret import Hidden, Secret
from p0_launcher.access import Access
from p0_launcher.errors import ConfigurationError

_KEPT: Final = frozenset({"PGCONNECT_TIMEOUT", "PG_COLOR", "PG_COLORS"})
_PROMPT: Final = "p0:%/ until {}%R%x%# "


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One -c (its text) or -f (the bytes that were read and signed)."""

    text: str
    file: bool


class Launch(Hidden, msgspec.Struct, frozen=True, kw_only=True):
    """A psql ready to start. `descriptors` must be inherited under the same numbers, and closed by whoever starts psql
    without becoming it."""

    program: Path
    arguments: tuple[str, ...]
    environment: dict[str, str]
    descriptors: tuple[int, ...]

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


def prepare(
    access: Access,
    *,
    psql: Path,
    what: What | None,
    sources: Sequence[Source] = (),
    arguments: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> Launch:
    """A psql for `access`. Without `sources` it is interactive, under what `what` gives meaning to; `arguments` are
    checked already (`arguments.py`)."""
    descriptors: list[int] = []
    try:
        environment = _environment(access, what, environ, descriptors)
        argv = [str(psql), *_modes(access, sources), *arguments]
        for source in sources:
            if source.file:
                descriptors.append(_anonymous(Secret(source.text)))
                argv += ["-f", _path_of(descriptors[-1])]
            else:
                argv += ["-c", source.text]
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return Launch(program=psql, arguments=tuple(argv), environment=environment, descriptors=tuple(descriptors))


def prepare_program(
    access: Access,
    *,
    program: Path,
    what: What | None,
    arguments: Sequence[str],
    environ: Mapping[str, str] = os.environ,
) -> Launch:
    """Any program with `access` in libpq's environment. Its children may connect too, as long as it runs: they reach
    the anonymous files through it, since programs don't pass on descriptors that they know nothing of."""
    descriptors: list[int] = []
    try:
        environment = _environment(access, what, environ, descriptors, process=str(os.getpid()))
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return Launch(
        program=program,
        arguments=(str(program), *arguments),
        environment=environment,
        descriptors=tuple(descriptors),
    )


def become(launch: Launch) -> NoReturn:
    """This process becomes the program. Python ignores SIGPIPE, which it must not inherit."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for descriptor in launch.descriptors:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - positional only
    try:
        os.execve(launch.program, launch.arguments, launch.environment)  # noqa: S606 - a program, no shell
    except OSError as error:
        raise ConfigurationError(
            f"cannot run {launch.program}: {error.strerror}", code="program_unusable", hint="Name another"
        ) from error


def _modes(access: Access, sources: Sequence[Source]) -> tuple[str, ...]:
    if sources:
        return ("-X",)
    until = time.strftime("%H:%M", time.localtime(access.not_after))
    return ("-v", f"PROMPT1={_PROMPT.format(until)}", "-v", "PROMPT2=p0:%/%R%x%# ")


def _environment(
    access: Access, what: What | None, environ: Mapping[str, str], descriptors: list[int], *, process: str = "self"
) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith("PG") or name in _KEPT}
    line = ":".join((*(_escaped(part) for part in (access.host, str(access.port))), "*", _escaped(access.user)))
    descriptors.append(_anonymous(Secret(f"{line}:{_escaped(access.password.reveal())}\n")))
    ours = {
        "PGHOST": access.host,
        "PGPORT": str(access.port),
        "PGUSER": access.user,
        "PGDATABASE": access.database,
        "PGPASSFILE": _path_of(descriptors[-1], process),
        "PGSSLMODE": access.sslmode,
        "PGGSSENCMODE": "disable",
        "PGCHANNELBINDING": access.channel_binding,
        "PGREQUIREAUTH": "scram-sha-256",  # libpq before 16 does not know it, and ignores it
        "PGAPPNAME": f"p0/{access.rid}",
        "PGCLIENTENCODING": "UTF8",
    }
    options = _options(what)
    if options:
        ours["PGOPTIONS"] = options
    if access.sslmode == "verify-full":
        ours["PGSSLROOTCERT"] = "system"  # the system's authorities; libpq before 16 looks for a file, and fails
        if access.sslrootcert is not None:
            descriptors.append(_anonymous(Secret(access.sslrootcert)))
            ours["PGSSLROOTCERT"] = _path_of(descriptors[-1], process)
    return kept | ours


def _options(what: What | None) -> str:
    """The search path and the settings that were signed, so that SQL means in psql what it meant to its readers."""
    if what is None or what.statement is UNSET:
        return ""
    path = DEFAULT_SEARCH_PATH if what.search_path is UNSET else what.search_path
    settings = {} if what.settings is UNSET else dict(what.settings)
    settings["search_path"] = ", ".join('"' + name.replace('"', '""') + '"' for name in path)
    return " ".join(f"-c {name}={_option_value(value)}" for name, value in sorted(settings.items()))


def _option_value(value: str) -> str:
    """Backslashes and white space as PostgreSQL's `pg_split_opts` undoes them."""
    return "".join("\\" + character if character == "\\" or character.isspace() else character for character in value)


def _escaped(part: str) -> str:
    """A field of a password file (libpq, section "The Password File")."""
    return part.replace("\\", "\\\\").replace(":", "\\:")


def _anonymous(content: Secret) -> int:
    """A file without a name, in memory, that nobody but its owner can open through this process."""
    if not hasattr(os, "memfd_create"):
        raise ConfigurationError(
            "this system has no anonymous files, and a password is never written to a disk",
            code="platform_unsupported",
            hint="p0 psql runs on Linux",
        )
    descriptor = os.memfd_create("p0", os.MFD_CLOEXEC)
    os.fchmod(descriptor, 0o600)
    remaining = memoryview(content.reveal().encode())
    while remaining:
        remaining = remaining[os.write(descriptor, remaining) :]
    return descriptor


def _path_of(descriptor: int, process: str = "self") -> str:
    return f"/proc/{process}/fd/{descriptor}"
