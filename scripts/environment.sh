#!/usr/bin/env bash
# Makes .venv with everything a lock file names, and the project itself, editable.
# Usage: environment.sh LOCK_FILE STAMP_FILE
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/root.sh
lock_file=$1 stamp=$2
export PIP_DISABLE_PIP_VERSION_CHECK=1

# Two makes at once (say, two demos) take turns.
mkdir -p .tools
exec 9>.tools/environment.flock
flock 9
if [ "$stamp" -nt "$lock_file" ] && [ "$stamp" -nt pyproject.toml ]; then
  exit # The one before did it while we waited.
fi

if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
  python=$(scripts/python.sh)
  echo "Making .venv with $python"
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    echo "$python cannot make virtual environments; installing $package"
    install_package "$package" || {
      echo "Cannot install $package without root. Run: sudo apt-get install $package" >&2
      exit 1
    }
  fi
  "$python" -m venv --clear .venv
fi

echo "Installing what $lock_file names into .venv"
.venv/bin/pip install --quiet --require-hashes -r "$lock_file"
# compat: one path entry, so that a package added later is found without installing again.
.venv/bin/pip install --quiet --no-deps --no-index --no-build-isolation \
  --config-settings editable_mode=compat --editable .
touch "$stamp"
