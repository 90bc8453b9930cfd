#!/bin/sh
# Runs the tests that face PostgreSQL on other major versions of it than the one that comes with p0.
# usage: test-postgres.sh VENV MAJOR …
set -eu
venv=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."
servers=$(sh tools/fetch-postgres.sh "$venv" "$@")

failed=0
for server in $servers; do
  "$server/postgres" --version
  P0_TEST_PG_BIN=$server sh tools/test.sh "$venv" \
    tests/integration/agent_core tests/integration/agent_postgres tests/integration/inference \
    tests/integration/reading || failed=$?
done
exit "$failed"
