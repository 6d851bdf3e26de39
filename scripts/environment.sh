#!/usr/bin/env bash
# Makes .venv with everything a lock file names, and the project itself, editable.
# Usage: environment.sh LOCK_FILE STAMP_FILE
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/packages.sh
lock_file=$1 stamp=$2
export PIP_DISABLE_PIP_VERSION_CHECK=1

# Two makes at once (say, two demos) take turns.
mkdir -p .tools
exec 9>.tools/environment.flock
flock 9
if [ "$stamp" -nt "$lock_file" ] && [ "$stamp" -nt pyproject.toml ]; then
  exit # The one before did it while we waited.
fi

# Makes .venv. Debian has Python's pip in a package of its own, whose wheel need not be installed.
make_environment() {
  local python=$1 wheels=$PWD/.tools/download/python3-pip-whl/usr/share/python-wheels
  if "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv --clear .venv
    return
  fi
  known python3-pip-whl || fresh_lists || true
  unpack python3-pip-whl usr/share/python-wheels python3-pip-whl || return 1
  "$python" -m venv --clear --without-pip .venv
  PYTHONPATH=$(echo "$wheels"/pip-*.whl) .venv/bin/python -m pip install --quiet --no-index --find-links "$wheels" pip
}

if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
  python=$(scripts/python.sh)
  tell "Making .venv with $python" make_environment "$python" || {
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    echo "$python cannot make virtual environments. Run: sudo apt-get install $package" >&2
    exit 1
  }
fi

install_locked() {
  .venv/bin/pip install --quiet --require-hashes -r "$lock_file" &&
    # compat: one path entry, so that a package added later is found without installing again.
    .venv/bin/pip install --quiet --no-deps --no-index --no-build-isolation \
      --config-settings editable_mode=compat --editable .
}
tell "Installing what $lock_file names into .venv" install_locked
touch "$stamp"
