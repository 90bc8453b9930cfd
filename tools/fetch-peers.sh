#!/bin/sh
# Installs the npm peers of the tests, exactly as their lock files say and without running any package's scripts.
# Each is made beside its place and moved there when complete, so an interrupted run leaves nothing half done.
# usage: fetch-peers.sh
set -eu
cd "$(dirname "$0")/../tests/peers"
for lock in */package-lock.json; do
  peer=${lock%/*}
  stamp=$peer/node_modules/.p0-lock
  if [ -f "$stamp" ] && cmp -s "$lock" "$stamp"; then continue; fi
  command -v npm >/dev/null 2>&1 || { echo "fetch-peers: the tests need Node.js 20 or newer (node, npm)" >&2; exit 1; }
  echo "installing tests/peers/$peer (once)" >&2
  new=$(mktemp -d "$PWD/$peer/node_modules.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  trap 'exit 130' INT TERM
  cp "$lock" "$peer/package.json" "$peer/.npmrc" "$new"
  (cd "$new" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
  cp "$lock" "$new/node_modules/.p0-lock"
  # A run at the same time may have been first: then its copy, of the same lock, is as good.
  if ! [ -f "$stamp" ] || ! cmp -s "$lock" "$stamp"; then
    rm -rf "$peer/node_modules"
    mv "$new/node_modules" "$peer/node_modules"
  fi
  rm -rf "$new"
  trap - EXIT INT TERM
done
