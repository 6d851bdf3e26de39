# shellcheck shell=bash
# Sourced by the scripts that need Debian's packages: these are unpacked into .tools, which needs no
# root and changes nothing elsewhere. Installed, Debian's Prometheus would start on this machine.

# shellcheck source=scripts/progress.sh
source scripts/progress.sh

# Options of apt for package lists of our own, once fresh_lists has fetched some.
apt_lists=()

# Whether the distribution has a package.
known() { apt-cache "${apt_lists[@]}" show "$1" >/dev/null 2>&1; }

# Fetches package lists into .tools, for as long as the script runs: those of the machine may be old,
# and container images have none.
fresh_lists() {
  command -v apt-get >/dev/null && [ ${#apt_lists[@]} -eq 0 ] || return 1
  mkdir -p .tools/apt/lists/partial .tools/apt/cache
  trap 'rm -rf .tools/apt' EXIT
  apt_lists=(-o "Dir::State::lists=$PWD/.tools/apt/lists" -o "Dir::Cache=$PWD/.tools/apt/cache" -o Acquire::Languages=none)
  tell "Fetching package lists into .tools" apt-get "${apt_lists[@]}" update -qq 2>.tools/apt.log || { cat .tools/apt.log >&2 && return 1; }
}

# Has all that follows take its packages from Debian testing, whatever this machine is. apt works in a
# root of its own under .tools, so the machine's sources and its package database stay as they are.
use_debian_testing() {
  local root=$PWD/.tools/testing.$BASHPID
  get_keyring debian || return 1
  # shellcheck disable=SC2064 # its name as it is now
  trap "rm -rf '$root'" EXIT
  mkdir -p "$root"/{etc/apt.conf.d,etc/preferences.d,lists/partial,cache/archives/partial}
  touch "$root/status"
  echo "deb [signed-by=$keyring] ${DEBIAN_MIRROR:-http://deb.debian.org/debian} testing main" >"$root/etc/sources.list"
  apt_lists=(
    -o "Dir::Etc=$root/etc" -o "Dir::Etc::sourcelist=$root/etc/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State=$root" -o "Dir::State::status=$root/status" -o "Dir::Cache=$root/cache"
    -o Acquire::Languages=none -o APT::Sandbox::User=root
  )
  tell "Fetching package lists of Debian testing into .tools" apt-get "${apt_lists[@]}" update -qq
}

# Sets `keyring` to the keys with which a distribution signs its archive: its own are installed, and
# the other one has them as a package. Usage: get_keyring debian|ubuntu
get_keyring() {
  local file=usr/share/keyrings/$1-archive-keyring.gpg
  keyring=/$file
  [ ! -e "$keyring" ] || return 0
  keyring=$PWD/.tools/download/$1-keys/$file
  [ ! -e "$keyring" ] || return 0
  if [ "$1" = debian ]; then
    known debian-archive-keyring || fresh_lists || true
    unpack debian-keys "$file" debian-archive-keyring
  else
    (use_debian_testing && unpack ubuntu-keys "$file" ubuntu-keyring) # Debian 12 has none
  fi
}

# Prints the names of a package and of those it depends on whose names match.
# Usage: with_dependencies PACKAGE PATTERN
with_dependencies() {
  echo "$1"
  apt-cache "${apt_lists[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances "$1" 2>/dev/null | grep -E "^$2" || true
}

# Unpacks packages into .tools/download/FOLDER, if FILE is then in there. What the folder held before
# stays until the new content is complete. Usage: unpack FOLDER FILE PACKAGE...
unpack() { tell "Fetching $1 into .tools" fetch_and_unpack "$@"; }

fetch_and_unpack() {
  local folder=$PWD/.tools/download/$1 file=$2 new=$PWD/.tools/download/$1.new deb
  shift 2
  rm -rf "$new" && mkdir -p "$new/deb"
  if download "$new/deb" "$@" || { fresh_lists && download "$new/deb" "$@"; }; then
    for deb in "$new"/deb/*.deb; do
      dpkg-deb --extract "$deb" "$new"
    done
  else
    cat .tools/apt.log >&2
  fi
  rm -r "$new/deb"
  if [ -e "$new/$file" ]; then
    rm -rf "$folder" && mv "$new" "$folder"
  else
    rm -r "$new" && return 1
  fi
}

# As root, apt warns that its own user cannot write here: shown only when it fails.
download() {
  local log=$PWD/.tools/apt.log
  (cd "$1" && shift && apt-get "${apt_lists[@]}" download -qq "$@" 2>"$log")
}

# Installs packages on this machine, as root and without asking: for machines that are thrown away.
install_packages() {
  local as_root=() install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@")
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  "${as_root[@]}" "${install[@]}" >.tools/apt.log 2>&1 ||
    { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" "${install[@]}"; } >>.tools/apt.log 2>&1
}
