"""The process that owns one embedded PostgreSQL: it makes it, runs it, and removes every trace of it.

Run as a script by `p0_demo.postgres` with nothing but the standard library (`python -I -S keeper.py`). It reads one
JSON line of settings from its standard input, prints one JSON line once the server is ready (or why it is not), and
waits. When its input ends, for whatever reason (a clean exit, an exception, kill -9 of its parent), it stops the
server and removes the directory. So the parent holds a pipe and nothing else; no clean-up depends on the parent.

Its parent starts it in a session of its own, so that Ctrl-C at the terminal reaches neither it nor its server. What it
can't survive is a kill -9 of itself. It takes no secret by argument or environment and prints none.
"""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

START_SECONDS = 30.0
STOP_SECONDS = 10.0
PORT_ATTEMPTS = 20
POLL_SECONDS = 0.01
LOG_TAIL_BYTES = 2_000

PORT_TAKEN = "could not bind"
"""From the server's log, which is in English here (`LC_ALL=C`): the port went to somebody else in the meantime."""


class StartError(Exception):
    """The server could not be made or started; the text is for a person."""


def server_user() -> str | None:
    """PostgreSQL refuses to run as root; then it runs as `nobody`. Otherwise as whoever runs this."""
    return "nobody" if os.geteuid() == 0 else None


def make_directory(user: str | None) -> Path:
    """A private directory for everything, owned by the server's user, below one that this user can reach."""
    parents = [tempfile.gettempdir(), "/tmp", "/var/tmp"]  # noqa: S108  only parents of a fresh 0700 directory
    reachable = next((parent for parent in parents if user is None or readable_by_others(Path(parent))), None)
    if reachable is None:
        raise StartError(f"no temporary directory that the user {user} can reach; set TMPDIR")
    directory = Path(tempfile.mkdtemp(prefix="p0-postgres-", dir=reachable))
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(directory, account.pw_uid, account.pw_gid)
    return directory


def readable_by_others(path: Path) -> bool:
    """Whether a user with no ties to `path` can read it and pass all directories above it, going by mode bits."""
    path = path.resolve()
    if not path.exists() or not path.stat().st_mode & 0o004:
        return False
    passed = [path, *path.parents] if path.is_dir() else path.parents
    return all(directory.stat().st_mode & 0o001 for directory in passed)


def reachable_binaries(binaries: Path, user: str | None, directory: Path) -> Path:
    """`binaries` itself, or a copy in `directory` when the server's user can't read where they are.

    The copy keeps the layout `PACKAGE/INSTALL/bin` beside `PACKAGE.libs`: PostgreSQL finds its share directory, and
    the loader its libraries, relative to the executable.
    """
    if not (binaries / "postgres").exists():
        raise StartError(f"there is no postgres in {binaries}")
    install = binaries.parent
    if user is None or all(readable_by_others(file) for file in (binaries / "postgres", *install.glob("share/*.bki"))):
        return binaries
    copy = directory / "software" / install.parent.name / install.name
    for part in ("bin", "lib", "share"):
        if (install / part).is_dir():
            shutil.copytree(install / part, copy / part)
    libraries = install.parent.with_name(install.parent.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy.parent.with_name(libraries.name))
    for path in (directory / "software").rglob("*"):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
    (directory / "software").chmod(0o755)
    return copy / "bin"


class Server:
    """One PostgreSQL server below `directory`. `start` may be called once; `stop` at any time, any number of times."""

    def __init__(self, binaries: Path, directory: Path, user: str | None) -> None:
        self._binaries = binaries
        self._data = directory / "data"
        self._log = directory / "server.log"
        self._password_file = directory / "password"
        self._process: subprocess.Popen[bytes] | None = None
        self._user = user
        self._identity: dict[str, Any] = {}
        if user is not None:
            self._identity = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}

    def initialise(self, superuser: str, password: str) -> None:
        """initdb with scram-sha-256 for every connection; the password goes through a file that is gone afterwards."""
        descriptor = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(password + "\n")
        if self._user is not None:
            shutil.chown(self._password_file, self._user)
        try:
            with self._log.open("wb") as log:
                command = ["initdb", "-D", str(self._data), "-U", superuser, "-A", "scram-sha-256", "-E", "UTF8"]
                command += ["--locale=C", "--no-sync", f"--pwfile={self._password_file}"]
                status = self._spawn(command, log).wait()
        finally:
            self._password_file.unlink()
        if status:
            raise StartError("initdb failed: " + self._log_tail())

    def start(self, settings: dict[str, str]) -> int:
        """Start on a free port of the loopback interface; another one if somebody takes it before the server does."""
        for _ in range(PORT_ATTEMPTS):
            port = free_port()
            fixed = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
            command = ["postgres", "-D", str(self._data)]
            for name, value in (settings | fixed).items():
                command += ["-c", f"{name}={value}"]
            with self._log.open("wb") as log:
                self._process = self._spawn(command, log)
            if self._wait_until_ready(self._process):
                return port
            if PORT_TAKEN not in self._log_tail():
                raise StartError("the server did not start: " + self._log_tail())
        raise StartError(f"no free port in {PORT_ATTEMPTS} attempts")

    def _spawn(self, command: list[str], log: BinaryIO) -> subprocess.Popen[bytes]:
        """A program of PostgreSQL as the server's user, without a shell, knowing nothing of our environment."""
        program, *arguments = command
        return subprocess.Popen(  # noqa: S603  the program comes from the package or from who runs the tests
            [self._binaries / program, *arguments],
            cwd=self._data.parent,
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **self._identity,
        )

    def _log_tail(self) -> str:
        return self._log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """By the eighth line of postmaster.pid, as pg_ctl does. False: the server has exited."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return False
            with contextlib.suppress(FileNotFoundError):
                lines = (self._data / "postmaster.pid").read_text().split("\n")
                if len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                    return True
            time.sleep(POLL_SECONDS)
        raise StartError(f"the server was not ready within {START_SECONDS:.0f} s")

    def wait(self) -> None:
        """Until the server exits by itself."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Fast shutdown, and if that takes too long an immediate one, and at last the end of the process."""
        if self._process is None or self._process.poll() is not None:
            return
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def say(message: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent is gone; the input ends too
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def wait_for_either(server: Server) -> None:
    """Until the input ends or the server exits. Daemon threads, since neither wait can be interrupted."""
    over = threading.Event()

    def watch(wait: Any) -> None:
        wait()
        over.set()

    for wait in (sys.stdin.read, server.wait):
        threading.Thread(target=watch, args=(wait,), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    over.wait()


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # until there is something to stop; the end of the input still counts
    os.umask(0o077)
    line = sys.stdin.readline()
    if not line:
        return 0
    order = json.loads(line)
    user = server_user()
    directory = make_directory(user)
    server: Server | None = None
    try:
        server = Server(reachable_binaries(Path(order["binaries"]), user, directory), directory, user)
        server.initialise(order["superuser"], order["password"])
        say({"ready": server.start(order["settings"]), "directory": str(directory)})
        wait_for_either(server)
    except (StartError, OSError) as error:
        say({"error": str(error)})
        return 1
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    # os._exit: a thread may still be blocked in reading the input, which would hold up an ordinary exit.
    status = main()
    sys.stdout.flush()
    os._exit(status)
