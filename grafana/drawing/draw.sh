#!/usr/bin/env bash
# Draws the boards, all or `draw.sh BOARD [WIDTH [THEME]]`, into drawn/: a Prometheus with a day of the
# simulated fleet, asked by Grafana's own components in Chromium.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=grafana/drawing

for needed in node npm "${CHROMIUM:=chromium}"; do
  command -v "$needed" >/dev/null || { echo "boards: $needed is needed (node 20 or later, npm, Chromium)" >&2; exit 1; }
done
[ -d "$here/node_modules" ] || npm ci --prefix "$here" --no-audit --no-fund --legacy-peer-deps

run=$(mktemp -d)
trap 'kill "$prometheus" 2>/dev/null; wait; rm -rf "$run"' EXIT
# The past is written last: rules come after what they are made of.
echo 'storage: {tsdb: {out_of_order_time_window: 48h}}' >"$run/prometheus.yml"
port=$(.venv/bin/python -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
prometheus --config.file="$run/prometheus.yml" --storage.tsdb.path="$run/data" \
  --web.listen-address="127.0.0.1:$port" --web.enable-remote-write-receiver 2>"$run/log" &
prometheus=$!
url=http://127.0.0.1:$port
for _ in $(seq 100); do curl -sf "$url/-/ready" >/dev/null && break; sleep 0.2; done

echo "Writing ${HOURS:=25} hours of history."
end=$(.venv/bin/python -m grafana.drawing.past "$url" "$HOURS")
mkdir -p "$here/drawn"
CHROMIUM=$(command -v "$CHROMIUM") node "$here/draw.mjs" "$url" "$end" 15 "$here/drawn" "$@"
