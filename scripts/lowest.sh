#!/usr/bin/env bash
# Runs the fast tests with the lowest versions of the dependencies that pyproject.toml allows.
set -euo pipefail
cd "$(dirname "$0")/.."

lowest=.tools/lowest
mapfile -t versions < <(
  sed -n '/^\[project\]/,/^\[project.scripts\]/p' pyproject.toml | sed -nE 's/.*"([a-z0-9-]+)>=([0-9.]+).*/\1==\2/p'
)
"$(scripts/python.sh)" -m venv --clear "$lowest"
"$lowest/bin/pip" install --quiet --require-hashes -r requirements-dev.lock
echo "Trying ${versions[*]}"
"$lowest/bin/pip" install --quiet "${versions[@]}"
"$lowest/bin/python" -m pytest -n "$(nproc)" --dist loadfile -m "not slow"
