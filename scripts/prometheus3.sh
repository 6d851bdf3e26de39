#!/usr/bin/env bash
# Gets prometheus3, promtool3 and alertmanager into .tools/bin, to run the rules in both generations of
# Prometheus (Debian 12 has 2.42, Debian testing has a 3.x), and alerts to where they are delivered.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/packages.sh

bin=$PWD/.tools/bin
unpacked=$PWD/.tools/download/prometheus3

mkdir -p "$bin" .tools/download
exec 9>.tools/prometheus3.flock
flock 9
alertmanager=$unpacked/usr/bin/alertmanager-unpacked
[ -x "$alertmanager" ] && exit

use_debian_testing
unpack prometheus3 usr/bin/prometheus-alertmanager prometheus promtool prometheus-alertmanager

ln -sf "$unpacked/usr/bin/prometheus" "$bin/prometheus3"
ln -sf "$unpacked/usr/bin/promtool" "$bin/promtool3"

# Debian's Alertmanager reads its templates from /usr/share, whatever its configuration says. A copy of
# it reads them from its file descriptor 9 instead, by a path of the same length: that needs neither
# root nor namespaces, which containers and Ubuntu refuse.
installed=/usr/share/prometheus/alertmanager
moved=/proc/self/fd/9///////////////////
LC_ALL=C sed "s|$installed|$moved|g" "$unpacked/usr/bin/prometheus-alertmanager" >"$alertmanager"
cat >"$bin/alertmanager" <<WRAPPER
#!/bin/sh
exec "$alertmanager" "\$@" 9<"$unpacked$installed"
WRAPPER
chmod +x "$alertmanager" "$bin/alertmanager"
