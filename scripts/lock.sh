#!/usr/bin/env bash
# Re-makes the lock files from pyproject.toml: one file for every Python and machine we support.
# Versions that still fit stay; pass --upgrade to take the newest.
set -euo pipefail
cd "$(dirname "$0")/.."

uv_version=0.13.9
if ! .tools/lock/bin/uv --version 2>/dev/null | grep -q "^uv $uv_version "; then
  "$(scripts/python.sh)" -m venv --clear .tools/lock
  .tools/lock/bin/pip install --quiet "uv==$uv_version"
fi

compile() {
  .tools/lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
    --generate-hashes --only-binary :all: --custom-compile-command "make lock" "$@"
}
compile "$@" pyproject.toml --extra services --extra tap --group build --output-file requirements.lock
compile "$@" pyproject.toml --extra services --extra tap --group dev --output-file requirements-dev.lock
compile "$@" --group release --output-file requirements-release.lock
echo "Wrote requirements.lock, requirements-dev.lock and requirements-release.lock"
