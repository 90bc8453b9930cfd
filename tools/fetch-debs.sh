#!/bin/sh
# Gets the programs that the tests need beside Python and Node.js: a Secret Service with its bus, and tmux.
# On Debian and its kin: as root by installing packages; as a normal user by unpacking them (and what they depend on
# that the machine lacks) into a cache folder, where nothing is installed or configured. Elsewhere on Linux it says
# what to install. Does nothing when all are there.
# usage: fetch-debs.sh      then: PATH="$PATH:${XDG_CACHE_HOME:-$HOME/.cache}/p0-test-tools/debs/wrappers"
# shellcheck disable=SC2086  # the lists are split on purpose
set -eu
programs="dbus-daemon gnome-keyring-daemon tmux"
# dbus-x11 is the session bus that does not bring systemd along.
packages="gnome-keyring dbus dbus-x11 tmux"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/p0-test-tools

missing() {
  for program in $programs; do
    command -v "$program" >/dev/null 2>&1 || [ -x "$cache/debs/wrappers/$program" ] || printf '%s ' "$program"
  done
}

install_as_root() {
  export DEBIAN_FRONTEND=noninteractive
  set -- -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends $packages
  apt-get "$@" >/dev/null 2>&1 || { apt-get -q -o DPkg::Lock::Timeout=120 update && apt-get "$@"; } >&2
}

unpack_as_user() {
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/new.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  trap 'exit 130' INT TERM
  mkdir -p "$new/state/lists/partial" "$new/cache/archives/partial" "$new/debs/wrappers"
  # Lists and cache of our own: the machine's may be stale, absent, or not ours to renew.
  cat >"$new/apt.conf" <<CONF
Dir::State "$new/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$new/cache";
CONF
  export APT_CONFIG="$new/apt.conf"
  apt-get -q update >"$new/log" 2>&1 || { cat "$new/log" >&2; return 1; }
  wanted=$(apt-get -s install --no-install-recommends $packages | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
  (cd "$new/cache/archives" && apt-get -q download $wanted) >"$new/log" 2>&1 || { cat "$new/log" >&2; return 1; }
  for package in "$new"/cache/archives/*.deb; do dpkg -x "$package" "$new/debs"; done
  for program in $programs; do
    if [ -x "$new/debs/usr/bin/$program" ]; then wrap "$program" >"$new/debs/wrappers/$program"; fi
  done
  chmod +x "$new"/debs/wrappers/*
  rm -rf "$cache/debs"
  mv "$new/debs" "$cache/debs"
}

wrap() { # a program that finds its libraries where they were unpacked
  cat <<WRAPPER
#!/bin/sh
root=\${0%/wrappers/*}
for folder in "\$root"/usr/lib/*-linux-gnu* "\$root"/lib/*-linux-gnu*; do
  LD_LIBRARY_PATH=\$folder\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "\$root/usr/bin/$1" "\$@"
WRAPPER
}

[ "$(uname -s)" = Linux ] || exit 0
absent=$(missing)
[ -n "$absent" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
  echo "fetch-debs: install these with your system's package manager: $absent" >&2
  exit 1
fi
echo "getting $absent(once)" >&2
if [ "$(id -u)" = 0 ]; then install_as_root; else unpack_as_user; fi
absent=$(missing)
if [ -n "$absent" ]; then
  echo "fetch-debs: still missing: $absent" >&2
  exit 1
fi
