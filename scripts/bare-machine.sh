#!/usr/bin/env bash
# Runs the demo and the fast tests on a fresh Debian or Ubuntu with nothing but Python and make, not as
# root; then what the README says to install it. With a command, it runs only that, in the checkout.
# Usage: [AS=root] bare-machine.sh [SUITE [COMMAND...]]
#        SUITE is Debian's (bookworm, trixie, forky) or Ubuntu's (noble); by default that of
#        Debian 12 and 13 which this machine is not
#
# Needs root, a network and debootstrap. Where it has not got them, it says so and ends well. All of it
# runs in namespaces of its own: no mount and no process outlives this script.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/packages.sh

not_to_be_had=3
main() {
  local suite=${1:-} folder builder status=0
  [ -n "$suite" ] || if grep -q '^VERSION_CODENAME=bookworm' /etc/os-release; then suite=trixie; else suite=bookworm; fi
  [ "$(id -u)" -eq 0 ] || skip "$suite" "it needs root"
  unshare --mount --pid --fork true 2>/dev/null || skip "$suite" "this machine allows no namespaces"
  mkdir -p .tools
  command -v debootstrap >/dev/null || { [ -n "${CI:-}" ] && install_packages debootstrap; } ||
    skip "$suite" "it needs debootstrap: apt-get install debootstrap"
  get_keyring "$(family "$suite")" || skip "$suite" "the keys of its archive are not to be had here"

  folder=$(mktemp --directory --tmpdir=/var/tmp stratum-stats.XXXXXX) # often /tmp allows no devices
  trap '{ kill -KILL "$builder" && wait "$builder"; } 2>/dev/null || true; clean "$folder"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # In the background, since bash runs traps only between commands.
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child \
    "$0" --inside "$folder" "$keyring" "$suite" "${@:2}" </dev/null &
  builder=$!
  wait "$builder" || status=$?
  [ "$status" -ne "$not_to_be_had" ] || skip "$suite" "$(tail -n 1 "$folder/log")"
  exit "$status"
}

# Whose release SUITE is. Usage: family SUITE
family() {
  case $1 in
  noble | resolute) echo ubuntu ;;
  *) echo debian ;;
  esac
}

skip() {
  echo "Not tried on a fresh machine ($1): $2" >&2
  exit 0
}

# What was killed a moment ago may still write.
clean() { rm -rf "$1" 2>/dev/null || { sleep 1 && rm -rf "$1"; }; }

# Usage: inside FOLDER KEYRING SUITE [COMMAND...], in the namespaces
inside() {
  local root=$1/root log=$1/log demo=$1/demo keyring=$2 suite=$3 script=sid parts=main
  shift 3
  say "making it"
  # Named, since an older debootstrap knows no newer suite; it has one script for each family's.
  [ "$(family "$suite")" = debian ] || { script=gutsy parts=main,universe; }
  debootstrap --variant=minbase --include=python3,make,ca-certificates --components="$parts" \
    --keyring="$keyring" "$suite" "$root" "$(mirror "$(family "$suite")")" \
    "/usr/share/debootstrap/scripts/$script" >"$log" 2>&1 || exit "$not_to_be_had"
  mount --bind "$root" "$root" # a machine's root is a mount, on which namespaces insist
  mount -t proc proc "$root/proc"
  mount -t tmpfs tmpfs "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts" # terminals, for the demo's keys
  ln -sf pts/ptmx "$root/dev/ptmx"
  chroot "$root" useradd --create-home newcomer
  take_settings "$root"
  mkdir "$root/home/newcomer/stratum-stats"
  tar --create --exclude-vcs --exclude=./.venv --exclude=./.tools --exclude=./.demo --exclude='./.*_cache' \
    --exclude=node_modules . |
    tar --extract --directory "$root/home/newcomer/stratum-stats"
  chroot "$root" chown -R newcomer: /home/newcomer

  if [ $# -gt 0 ]; then
    as "${AS:-newcomer}" "$@"
    exit
  fi
  say "make demo"
  as newcomer make demo DEMO="--for 2" | tee "$demo"
  grep -q '^  Prometheus ' "$demo"
  grep -q 'Importing 7 days of simulated history' "$demo" && ! grep 'No history' "$demo"
  say "make demo, again and without a network"
  as newcomer env http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 make demo DEMO="--for 2" >"$demo"
  grep '^  Prometheus ' "$demo"
  say "make fast"
  as newcomer env CI=true make fast
  say "the README's way to install it"
  echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/yes"
  as root sh -euxc "$(sed -n '/<!-- test: install -->/,/^```$/s/^sudo //p' README.md)" >"$log" 2>&1 ||
    { tail -n 20 "$log" && exit 1; }
  as newcomer /opt/stratum-stats/bin/stats-proxy --config.check
  say "make install, over it, and make uninstall"
  as root make install >"$log" 2>&1 || { tail -n 20 "$log" && exit 1; }
  as newcomer /opt/stratum-stats/bin/stats-proxy --config.check --config.file=/etc/stratum-stats/stats-proxy.toml
  as root make uninstall
  [ ! -e "$root/opt/stratum-stats" ]
}

say() { echo "Fresh machine ($suite): $1"; }

# Runs a command in the checkout, in the new root. Usage: as USER COMMAND...
as() {
  local user=$1
  shift
  # shellcheck disable=SC2016 # for the shell inside
  chroot --userspec="$user" "$root" env --ignore-environment "${settings[@]}" HOME=/home/newcomer \
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin sh -c 'cd ~/stratum-stats && exec "$@"' - "$@"
}

# Where this machine gets a family's packages. Usage: mirror FAMILY
mirror() {
  local found usual=http://archive.ubuntu.com/ubuntu label=${1^}
  [ "$1" = ubuntu ] || usual=http://deb.debian.org/debian
  # shellcheck disable=SC2016 # apt's own variable
  mapfile -t found < <(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Origin: $label" "Label: $label")
  echo "${found[0]:-$usual}"
}

# Gives the new root what this machine needs to reach packages. Usage: take_settings ROOT
take_settings() {
  local file name
  cp --dereference /etc/resolv.conf /etc/hosts "$1/etc/"
  cp --dereference /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/" || true
  grep --files-with-matches --no-messages '^Acquire::' /etc/apt/apt.conf.d/* |
    xargs --no-run-if-empty cp --target-directory "$1/etc/apt/apt.conf.d" || true
  for file in /etc/pip.conf ~/.config/pip/pip.conf; do
    [ ! -e "$file" ] || cat "$file" >>"$1/etc/pip.conf"
  done
  for file in ${PIP_FIND_LINKS:-}; do # folders of wheels
    [ ! -d "$file" ] || { mkdir -p "$1$file" && mount --bind "$file" "$1$file"; }
  done
  settings=()
  for name in $(compgen -e | grep --extended-regexp '^PIP_|^SSL_CERT_|^([a-z]+_proxy|[A-Z]+_PROXY)$'); do
    settings+=("$name=${!name}")
  done
}

if [ "${1:-}" = --inside ]; then inside "${@:2}"; else main "$@"; fi
