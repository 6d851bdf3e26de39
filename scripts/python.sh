#!/usr/bin/env bash
# Prints the path of a Python that can make the project's environment.
set -euo pipefail

minimum=3.11
usable=()
for name in python3.13 python3.12 python3.11 python3.14 python3; do
  # A name may exist and yet not run: pyenv puts one on the PATH for every version it knows of.
  path=$("$name" -c 'import sys; sys.version_info >= (3, 11) and print(sys.executable)' 2>/dev/null) || continue
  [ -n "$path" ] || continue
  usable+=("$path")
  # Debian splits ensurepip from Python; one that has it needs nothing fetched.
  if "$path" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$path"
    exit
  fi
done

if [ ${#usable[@]} -eq 0 ]; then
  echo "No Python $minimum or newer on the PATH. Install one: 'apt-get install python3', or 'pyenv install 3.13'." >&2
  exit 1
fi
echo "${usable[0]}"
