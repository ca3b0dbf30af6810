#!/usr/bin/env bash
# Make a virtual environment with the project installed in it as users have it, from its wheel:
#   make_venv.sh DIR CONSTRAINTS EXTRAS [PACKAGE...]
# Where only the sources have changed since, the project alone is installed again (ten seconds).
# PYTHON names the interpreter (3.10 to 3.13; with Scipion 3.10 or 3.11, for which its pins exist; default: the first of python3.11,
# python3.10, python3 that fits).
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 constraints=$2 extras=$3
shift 3

case $extras in *scipion*) newest=11 tkinter=tkinter ;; *) newest=13 tkinter=ensurepip ;; esac
fits() { "$1" -c "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, $newest))" 2>/dev/null; }
if [ -z "${PYTHON:-}" ]; then
    for candidate in python3.11 python3.10 python3; do
        if fits "$candidate"; then PYTHON=$candidate && break; fi
    done
fi
if ! fits "${PYTHON:-python3}"; then
    echo "No Python 3.10 to 3.$newest was found; install one and name it with PYTHON=/path/to/python." >&2
    exit 2
fi

# Debian ships venv and tkinter (which Scipion imports even without a screen) as packages of their own.
if ! "$PYTHON" -c "import ensurepip, $tkinter" 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3-venv python3-tk >/dev/null
    else
        echo "$PYTHON lacks venv or tkinter; run: sudo apt-get install python3-venv python3-tk" >&2
        exit 2
    fi
fi

install() {
    rm -rf build/lib build/bdist.*  # a module that is gone from the sources would be packed again
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

made=$venv/.made-with sources=$venv/.sources
wanted="$extras $* $(cat pyproject.toml "$constraints" | cksum)"
packed=$(find setup.py pyproject.toml MANIFEST.in README.md occupy_core occupy_scipion -type f \
    -not -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 cksum | cksum)
if [ "$(cat "$made" 2>/dev/null)" != "$wanted" ]; then
    echo "Making the environment $venv (about a minute) ..."
    "$PYTHON" -m venv "$venv"
    install -c "$constraints" ".[$extras]" "$@"
    install --no-deps --force-reinstall .  # of the same version, but perhaps of other sources
    echo "$packed" > "$sources"
    echo "$wanted" > "$made"
elif [ "$(cat "$sources" 2>/dev/null)" != "$packed" ]; then
    echo "Installing the project in $venv ..."
    install --no-deps --force-reinstall .
    echo "$packed" > "$sources"
fi
