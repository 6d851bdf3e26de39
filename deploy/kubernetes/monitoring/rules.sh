#!/usr/bin/env bash
# Writes rules.yaml beside this script: prometheus/rules as PrometheusRules, which Kustomize cannot
# make. The rules have one source, so that file is never committed here.
set -euo pipefail
cd "$(dirname "$0")"

for file in ../../../prometheus/rules/*.yml; do
  name=$(basename "$file" .yml)
  cat <<HEAD
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: stratum-$name
spec:
HEAD
  sed 's/^./  &/' "$file"
done >rules.yaml
