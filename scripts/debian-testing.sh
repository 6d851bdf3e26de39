#!/usr/bin/env bash
# Gets programs that Debian 12 has too old into .tools/bin: prometheus3 and promtool3, to run the rules
# in both generations of Prometheus, alertmanager, to which alerts are delivered, and kubectl, whose
# Kustomize makes the manifests for a cluster.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/packages.sh

bin=$PWD/.tools/bin
unpacked=$PWD/.tools/download/debian-testing

mkdir -p "$bin" .tools/download
exec 9>.tools/debian-testing.flock
flock 9
[ -x "$bin/alertmanager" ] && [ -x "$bin/kubectl" ] && exit

use_debian_testing
unpack debian-testing usr/bin/kubectl prometheus promtool prometheus-alertmanager kubectl

ln -sf "$unpacked/usr/bin/prometheus" "$bin/prometheus3"
ln -sf "$unpacked/usr/bin/promtool" "$bin/promtool3"
ln -sf "$unpacked/usr/bin/kubectl" "$bin/kubectl"

# Debian's Alertmanager reads its templates from /usr/share, whatever its configuration says. It gets
# to see the unpacked /usr/share there, and nobody else does.
cat >"$bin/alertmanager" <<WRAPPER
#!/bin/sh
[ "\$(id -u)" = 0 ] || own=--map-root-user
exec unshare \$own --mount sh -c 'mount --bind "\$0/usr/share" /usr/share && exec "\$0/usr/bin/prometheus-alertmanager" "\$@"' \\
  "$unpacked" "\$@"
WRAPPER
chmod +x "$bin/alertmanager"
