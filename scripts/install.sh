#!/usr/bin/env bash
# Installs the programs on one Linux machine with systemd, with units, folders and configuration.
# Usage: install.sh [programs] [units], by default both
#        install.sh uninstall
#
# To install again is to upgrade: programs and units are replaced, and configuration stays. DESTDIR
# goes before every path; then systemd is told nothing. PYTHON makes the environment: it must be
# outside of home folders, which the services cannot see.
set -euo pipefail
cd "$(dirname "$0")/.."

root=${DESTDIR:-}
programs=/opt/stratum-stats
configuration=/etc/stratum-stats
units=/etc/systemd/system
python=${PYTHON:-/usr/bin/python3}
shipped=(deploy/systemd/*.service deploy/systemd/*.socket)

main() {
  [ $# -gt 0 ] || set -- programs units
  [ -n "$root" ] || [ "$(id -u)" -eq 0 ] || fail "This writes to $programs and /etc. Run: sudo make install"
  for part; do
    case $part in
    programs | units | uninstall) "$part" ;;
    *) fail "Usage: install.sh [programs] [units] | uninstall" ;;
    esac
  done
}

programs() {
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$python is no Python 3.11 or newer. Run: make install PYTHON=PATH"
  "$python" -c 'import ensurepip' 2>/dev/null ||
    fail "$python cannot make virtual environments. Run: sudo apt-get install python3-venv"
  "$python" -m venv "$root$programs"
  pip install --require-hashes -r requirements.lock
  rm -rf build # of an older version
  pip install --no-deps --no-index --no-build-isolation .
  rm -rf build
  # A script of an environment names its Python, which lies elsewhere once the tree is moved.
  [ -z "$root" ] || sed -i "1s|^#!$root|#!|" "$root$programs"/bin/*
  echo "Installed $("$root$programs/bin/python" -I -m exporters.proxy --version) in $programs"
}

pip() { "$root$programs/bin/python" -m pip "$1" --quiet --disable-pip-version-check --root-user-action ignore "${@:2}"; }

units() {
  install -D --mode 644 --target-directory "$root$units" "${shipped[@]}"
  install -d --mode 755 "$root$configuration" "$root$configuration/feeds"
  install -d --mode 700 "$root$configuration/secrets"/{,stats-proxy,stats-pool,stats-feed}
  for file in deploy/systemd/configuration/*.toml; do
    [ -e "$root$configuration/${file##*/}" ] || install --mode 644 "$file" "$root$configuration"
  done
  install --mode 644 deploy/systemd/configuration/feed.env.example "$root$configuration/feeds"
  tell_systemd daemon-reload
  echo "Settings are in $configuration. To start, now and whenever the machine does:"
  echo "  sudo systemctl enable --now stats-proxy stats-pool"
  echo "After an upgrade:"
  echo "  sudo systemctl restart stats-proxy stats-pool 'stats-feed@*'"
}

uninstall() {
  tell_systemd stop 'stats-feed@*.service' 'stats-proxy*' 'stats-pool*'
  tell_systemd disable "${shipped[@]##*/}"
  rm -f "${shipped[@]/#deploy\/systemd/$root$units}"
  tell_systemd daemon-reload
  rm -rf "$root${programs:?}"
  echo "The configuration stays in $configuration. To remove it: sudo rm -r $configuration"
}

# What goes wrong here, such as stopping a unit that is not there, changes nothing of the files.
tell_systemd() {
  if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemctl --quiet "$@" || true
  fi
}

fail() {
  echo "$1" >&2
  exit 1
}

main "$@"
