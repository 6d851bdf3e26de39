#!/usr/bin/env bash
# Gets the programs that checks, tests and the demo run for real.
# Usage: tools.sh [--for-tests]
#
# What is on the PATH is used. The rest comes from the distribution, unpacked into .tools: installing
# Debian's packages would start a Prometheus on this machine. A program that cannot be had is named,
# and what needs it is skipped; in CI it is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/root.sh

mkdir -p .tools/bin .tools/download
exec 9>.tools/tools.flock
flock 9
bin=$PWD/.tools/bin
missing=()

have() { command -v "$1" >/dev/null || [ -x "$bin/$1" ]; }

# Links the first of the given programs under another name, for those that have one more.
alias_of() {
  local name=$1 other
  shift
  for other in "$@"; do
    if other=$(command -v "$other"); then
      ln -sf "$other" "$bin/$name"
      return
    fi
  done
  return 1
}

# Whether the distribution has a package.
known() { apt-cache show "$1" >/dev/null 2>&1; }

# Unpacks a package, and others it needs, into .tools/download/PACKAGE.
unpack() {
  local folder=$PWD/.tools/download/$1 deb
  known "$1" || return 1
  echo "Fetching $1 into .tools"
  rm -rf "$folder" && mkdir -p "$folder/deb"
  # As root, apt warns that its own user cannot write here: shown only when it fails.
  (cd "$folder/deb" && apt-get download -qq "$@" 2>../apt.log) || { cat "$folder/apt.log" >&2 && return 1; }
  for deb in "$folder"/deb/*.deb; do
    dpkg-deb --extract "$deb" "$folder"
  done
  rm -r "$folder/deb"
}

# Usage: get PACKAGE PROGRAM...
get() {
  local package=$1 name
  shift
  for name in "$@"; do
    have "$name" && continue
    if [ ! -x ".tools/download/$package/usr/bin/$name" ] && ! unpack "$package"; then
      missing+=("$name")
      continue
    fi
    ln -sf "$PWD/.tools/download/$package/usr/bin/$name" "$bin/$name"
  done
}

# Compose is here to read compose.yaml; it needs no engine for that.
get_compose() {
  local plugin=usr/libexec/docker/cli-plugins/docker-compose package folder
  have docker-compose && return
  if docker compose version >/dev/null 2>&1; then
    printf '#!/bin/sh\nexec docker compose "$@"\n' >"$bin/docker-compose"
    chmod +x "$bin/docker-compose"
    return
  fi
  # Ubuntu's, then Debian's. Up to Debian 12 it is a Python program and needs its libraries too.
  for package in docker-compose-v2 docker-compose; do
    folder=$PWD/.tools/download/$package
    # shellcheck disable=SC2046 # a list of package names
    unpack "$package" $(python_dependencies "$package") || continue
    if [ -x "$folder/$plugin" ]; then
      ln -sf "$folder/$plugin" "$bin/docker-compose"
    else
      printf '#!/bin/bash\nPYTHONPATH=%q exec /usr/bin/python3 %q "$@"\n' \
        "$folder/usr/lib/python3/dist-packages" "$folder/usr/bin/docker-compose" >"$bin/docker-compose"
      chmod +x "$bin/docker-compose"
    fi
    "$bin/docker-compose" version >/dev/null && return
    rm "$bin/docker-compose"
  done
  missing+=(docker-compose)
}

python_dependencies() {
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances "$1" 2>/dev/null | grep -E '^python3-' | grep -v -x python3-minimal || true
}

# What only tests need, and cannot be unpacked: a browser has too many libraries, and openssl finds
# its configuration in one place only. Usage: get_installed PROGRAM, of the package of that name
get_installed() {
  have "$1" && return
  echo "Installing $1 for the tests"
  install_package "$1" || missing+=("$1 (as root: apt-get install $1)")
}

if ! known prometheus && command -v apt-get >/dev/null; then
  echo "Updating the package lists"
  as_root apt-get update -qq || true
fi
alias_of prometheus-alertmanager alertmanager || true # used when installed: unpacked, Debian's does
# not start, since it looks for its templates in /usr/share. Its amtool does not need them.
alias_of prometheus-pushgateway pushgateway || true
get prometheus prometheus promtool
get prometheus-alertmanager amtool
get prometheus-pushgateway prometheus-pushgateway
get_compose
if [ "${1:-}" = --for-tests ]; then
  get_installed openssl
  have chromium || alias_of chromium google-chrome chromium-browser || get_installed chromium
fi

if [ ${#missing[@]} -gt 0 ]; then
  echo "Not to be had here, so what needs them is skipped: ${missing[*]}" >&2
  [ -z "${CI:-}" ] || exit 1
fi
