#!/bin/sh
# Makes the virtual environment: every package pinned by hash, then the project itself, editable.
# usage: setup.sh PYTHON VENV
set -eu
python=$1 venv=$2
"$python" - <<'PY' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit("p0 needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.12 …" % sys.version.split()[0])
PY
echo "setting up $venv (once)" >&2
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
"$venv/bin/python" -m pip install --quiet --require-hashes -r lock.txt
"$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e .
touch "$venv/.installed"
