#!/usr/bin/env bash
# Gets Prometheus 3 and a whole Alertmanager into .tools/testing/bin, to run the rules in both
# generations of Prometheus: Debian 12 has 2.42, Debian testing has a 3.x.
#
# The packages are unpacked, never installed. apt works in a root of its own under .tools, so the
# machine's sources and its package database stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD/.tools/testing
packages=(prometheus promtool prometheus-alertmanager)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

mkdir -p "$root"
exec 9>"$root/lock"
flock 9
[ -x "$root/bin/alertmanager" ] && exit

mkdir -p "$root"/{bin,deb,etc/apt.conf.d,etc/preferences.d,lists/partial,cache/archives/partial,unpacked}
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

echo "Fetching ${packages[*]} of Debian testing into .tools"
apt_here get update
(cd "$root/deb" && apt_here get download "${packages[@]}")
for deb in "$root"/deb/*.deb; do
  dpkg-deb --extract "$deb" "$root/unpacked"
done
rm -r "$root/deb" "$root/lists" "$root/cache"

for program in prometheus promtool amtool; do
  ln -sf "$root/unpacked/usr/bin/$program" "$root/bin/$program"
done
