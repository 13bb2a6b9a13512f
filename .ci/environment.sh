#!/bin/bash
# Makes the virtual environment and installs Vedette into it: environment.sh PYTHON FOLDER
set -euo pipefail
python=$1 folder=$2

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')
    command="apt-get install --no-install-recommends -y python${version}-venv"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive $command
    else
        echo "This Python cannot make virtual environments. Install what is missing, then try again:" >&2
        echo "    sudo $command" >&2
        exit 1
    fi
fi
# One made by another Python, or left half made, is made anew.
if ! "$folder/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$folder"
    "$python" -m venv "$folder"
fi
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
