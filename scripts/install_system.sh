#!/bin/sh
# Installs Debian packages where it may: install_system.sh PACKAGE… Says what it does, and why when it cannot.
set -eu
if ! command -v apt-get >/dev/null 2>&1; then
    echo "not installed: $* (this system has no apt-get; install them by its own means)" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    echo "not installed: $* (that needs root; run: apt-get install $*)" >&2
    exit 1
fi
echo "installing $* with apt-get"
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -qq || echo "apt-get update failed; trying with the lists that are there" >&2
$root apt-get install -y -qq --no-install-recommends "$@" >/dev/null || {
    echo "not installed: $* (apt-get failed)" >&2
    exit 1
}
