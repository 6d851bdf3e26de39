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
[ -x "$bin/alertmanager" ] && exit

use_debian_testing
unpack prometheus3 usr/bin/prometheus-alertmanager prometheus promtool prometheus-alertmanager

ln -sf "$unpacked/usr/bin/prometheus" "$bin/prometheus3"
ln -sf "$unpacked/usr/bin/promtool" "$bin/promtool3"

# Debian's Alertmanager reads its templates from /usr/share, whatever its configuration says. It gets
# to see the unpacked /usr/share there, and nobody else does.
cat >"$bin/alertmanager" <<WRAPPER
#!/bin/sh
[ "\$(id -u)" = 0 ] || own=--map-root-user
exec unshare \$own --mount sh -c 'mount --bind "\$0/usr/share" /usr/share && exec "\$0/usr/bin/prometheus-alertmanager" "\$@"' \\
  "$unpacked" "\$@"
WRAPPER
chmod +x "$bin/alertmanager"
