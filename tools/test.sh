#!/bin/sh
# Runs the tests: gets what they need beside Python packages, then pytest, with a home and temporary directory of its
# own that is removed afterwards. More arguments for pytest may come in PYTEST_ARGS, quoted as for a shell.
# usage: test.sh VENV [PYTEST ARGUMENTS]
set -eu
venv=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."

sh tools/fetch-peers.sh
sh tools/fetch-debs.sh
P0_TEST_CORPUS=$(sh tools/fetch-corpus.sh "$venv")
export P0_TEST_CORPUS
export PATH="$PATH:${XDG_CACHE_HOME:-$HOME/.cache}/p0-test-tools/debs/wrappers"

# The tests start p0, and it its children, many hundreds of times: where Python is told to write no bytecode, each would
# compile what it imports.
"$venv/bin/python" -m compileall -q access agent launcher server tui

# The tests' databases are written many hundreds of times over and never kept: in memory, where there is plenty.
in_memory() {
  [ -w /dev/shm ] && [ "$(stat -f -c %T /dev/shm)" = tmpfs ] &&
    [ "$(df -Pk /dev/shm | awk 'NR == 2 {print $4}')" -gt 4194304 ] &&
    [ "$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)" -gt 8388608 ] &&
    probe=$(mktemp /dev/shm/p0-test.XXXXXX) || return 1
  printf '#!/bin/sh\n' >"$probe"
  chmod +x "$probe"
  runs=0
  "$probe" 2>/dev/null || runs=$? # not where it is mounted noexec: some tests make programs
  rm -f "$probe"
  return "$runs"
}
if [ -z "${TMPDIR:-}" ] && in_memory; then
  TMPDIR=/dev/shm
fi
private=$(mktemp -d "${TMPDIR:-/tmp}/p0-test.XXXXXX")
trap 'rm -rf "$private"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -m 700 "$private/home"
mkdir "$private/tmp"
# PostgreSQL refuses to run as root: then it runs as nobody, who must be able to reach its files.
[ "$(id -u)" != 0 ] || chmod 755 "$private" "$private/tmp"

# Nothing of the person's own configuration may decide a test.
for name in $(env | sed -n -e 's/^\(P0_[A-Z0-9_]*\)=.*/\1/p' -e 's/^\(PG[A-Z]*\)=.*/\1/p' -e 's/^\(XDG_[A-Z_]*\)=.*/\1/p'); do
  case $name in P0_TEST_*) ;; *) unset "$name" ;; esac
done
unset BROWSER PYTHON_KEYRING_BACKEND DBUS_SESSION_BUS_ADDRESS
export HOME="$private/home" TMPDIR="$private/tmp" LC_ALL=C.UTF-8
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
export PYTEST_ADDOPTS="${PYTEST_ADDOPTS:-} ${PYTEST_ARGS:-}"

# One process more than there are cores, since some tests wait; each has servers of its own, so many more would only slow
# each other down. The folders with the longest tests come first, in their order, so that the processes end at about the
# same time.
processes=$(($(getconf _NPROCESSORS_ONLN) + 1))
"$venv/bin/python" -P -m pytest -n "$((processes < 5 ? processes : 5))" --dist loadfile --no-loadscope-reorder "$@"
