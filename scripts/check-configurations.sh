#!/usr/bin/env bash
# Has each configuration read by the program it is for. Outside CI a program not had is skipped:
# scripts/tools.sh has already said which.
set -euo pipefail
cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null; }

run() {
  echo "$*"
  "$@"
}

for promtool in promtool promtool3; do # the oldest Prometheus that is supported, and a 3.x
  if have "$promtool"; then
    run "$promtool" check config prometheus/prometheus.yml
    run "$promtool" check config deploy/cell/prometheus.yml
    run "$promtool" check rules --lint=all --lint-fatal prometheus/rules/*.yml deploy/fleet/rules/*.yml
  fi
done
if have amtool; then
  run amtool check-config prometheus/alertmanager.yml
fi
if have actionlint; then
  run actionlint .github/workflows/*.yml
else # neither Debian nor PyPI has the program itself, and this project does not need Go
  echo "The workflows are not linted. To lint them: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
fi
if have systemd-analyze; then
  for unit in deploy/systemd/*.service; do
    # In tenths: 2.0 of 10, where a unit without any protection has 9.6.
    echo "systemd-analyze security --offline=true --threshold=20 $unit"
    systemd-analyze security --offline=true --threshold=20 --no-pager "$unit" >/dev/null || {
      systemd-analyze security --offline=true --no-pager "$unit" && exit 1
    }
  done
fi
if have kubectl; then
  deploy/kubernetes/monitoring/rules.sh
  for folder in deploy/kubernetes deploy/kubernetes/monitoring; do
    echo "kubectl kustomize $folder"
    kubectl kustomize "$folder" >/dev/null
  done
fi
if have docker-compose; then
  # Compose refuses to start without a password; any will do to read the file.
  export GRAFANA_ADMIN_PASSWORD=only-to-read-the-file
  run docker-compose --profile demo --file compose.yaml config --quiet
  run docker-compose --profile demo --file compose.cell.yaml config --quiet
  SITES_TOKEN=only-to-read-the-file run docker-compose --file compose.fleet.yaml config --quiet
fi
if have vmalert; then # what evaluates the watch over many sites, if it is no Prometheus
  run vmalert -dryRun -rule=deploy/fleet/rules/*.yml -loggerLevel=ERROR
fi
if have vmagent; then
  run vmagent -dryRun -promscrape.config=deploy/fleet/scrape.yml -loggerLevel=ERROR
fi
