#!/usr/bin/env bash
# Gets prometheus3, promtool3 and alertmanager into .tools/bin, to run the rules in both generations of
# Prometheus (Debian 12 has 2.42, Debian testing has a 3.x), and alerts to where they are delivered.
#
# The packages are unpacked, never installed. apt works in a root of its own under .tools, so the
# machine's sources and its package database stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/progress.sh

root=$PWD/.tools/testing
bin=$PWD/.tools/bin
packages=(prometheus promtool prometheus-alertmanager)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

mkdir -p "$root" "$bin"
exec 9>"$root/lock"
flock 9
[ -x "$bin/alertmanager" ] && exit

mkdir -p "$root"/{deb,etc/apt.conf.d,etc/preferences.d,lists/partial,cache/archives/partial,unpacked}
touch "$root/status"
echo "deb [signed-by=$keyring] $mirror testing main" >"$root/etc/sources.list"
apt_here() {
  "apt-$1" --quiet=2 \
    --option Dir::Etc="$root/etc" --option Dir::Etc::sourcelist="$root/etc/sources.list" \
    --option Dir::Etc::sourceparts=- \
    --option Dir::State="$root" --option Dir::State::status="$root/status" \
    --option Dir::Cache="$root/cache" --option Acquire::Languages=none \
    --option APT::Sandbox::User=root "${@:2}"
}

fetch() {
  apt_here get update && (cd "$root/deb" && apt_here get download "${packages[@]}") || return 1
  for deb in "$root"/deb/*.deb; do
    dpkg-deb --extract "$deb" "$root/unpacked" || return 1
  done
}
tell "Fetching ${packages[*]} of Debian testing into .tools" fetch
rm -r "$root/deb" "$root/lists" "$root/cache"

ln -sf "$root/unpacked/usr/bin/prometheus" "$bin/prometheus3"
ln -sf "$root/unpacked/usr/bin/promtool" "$bin/promtool3"

# Debian's Alertmanager reads its templates from /usr/share, whatever its configuration says. It gets
# to see the unpacked /usr/share there, and nobody else does.
cat >"$bin/alertmanager" <<WRAPPER
#!/bin/sh
[ "\$(id -u)" = 0 ] || own=--map-root-user
exec unshare \$own --mount sh -c 'mount --bind "\$0/usr/share" /usr/share && exec "\$0/usr/bin/prometheus-alertmanager" "\$@"' \\
  "$root/unpacked" "\$@"
WRAPPER
chmod +x "$bin/alertmanager"
