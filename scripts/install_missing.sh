#!/bin/sh
# Installs the system parts that are missing, where it may: install_missing.sh PYTHON. Never fails: what lacks a part
# says so itself (graphs without dot, tests of a browser or of C that are skipped).
set -eu
python=$1
missing=""
need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need dot graphviz
need chromium chromium
need chromedriver chromium-driver
need cc gcc
need c++ g++
need valgrind valgrind
need cmake cmake
need pkg-config pkg-config
need ip iproute2
need openssl openssl
# The C library needs Python's headers and shared library; Debian ships them apart from its own Python.
headers=$("$python" - <<'PYTHON'
import sys, sysconfig
from pathlib import Path

version = "%d.%d" % sys.version_info[:2]
there = Path(sysconfig.get_path("include"), "Python.h").exists()
print("" if there or sys.base_prefix != "/usr" else f"libpython{version}-dev")
PYTHON
)
missing="$missing $headers"
if [ -n "$(echo $missing)" ]; then
    sh scripts/install_system.sh $missing || for package in $missing; do
        sh scripts/install_system.sh "$package" || echo "going on without $package"
    done
fi
