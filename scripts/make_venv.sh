#!/bin/sh
# Makes the virtual environment $VENV with $PYTHON and installs the package into it, editable, with what tests need.
set -eu
python=${PYTHON:-python3}
venv=${VENV:-.venv}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "altlas-runner needs Python 3.11 or newer; '$python' is not. Name another one: make PYTHON=python3.12 …" >&2
    exit 1
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian ships venv apart from Python.
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    sh scripts/install_system.sh "python$version-venv" || {
        echo "'$python' cannot make virtual environments and python$version-venv could not be installed." >&2
        exit 1
    }
fi
echo "making $venv and installing the package with its development tools (a minute or two, once)"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,local,ffi,dask]'
# It carries axe-core, which checks the report's accessibility; Playwright, which it would bring along, is not needed.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps axe-playwright-python
