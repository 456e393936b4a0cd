#!/bin/sh
# Make the virtual environment $1 with $PYTHON, or with the first Python 3.11 or newer on PATH.
set -eu
venv="$1"

suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

if [ -n "${PYTHON:-}" ]; then
  suits "$PYTHON" || { echo "PYTHON=$PYTHON is not a Python 3.11 or newer" >&2; exit 1; }
else
  for candidate in python3 python3.12 python3.11 python3.13; do
    if suits "$candidate"; then PYTHON="$candidate"; break; fi
  done
  [ -n "${PYTHON:-}" ] || { echo "no Python 3.11 or newer on PATH; install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
fi

if [ -x "$venv/bin/python" ] && suits "$venv/bin/python"; then
  echo "==> $venv exists: $("$venv/bin/python" --version)"
else
  echo "==> $venv with $("$PYTHON" --version)"
  rm -rf "$venv"
  "$PYTHON" -m venv "$venv" || { echo "python3 -m venv failed; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
fi
