#!/usr/bin/env bash
# Build sdist and wheel, install each in an empty environment, and see that nothing is missing there:
# the packed files are those of the tree, every command line that the program prints in its help runs
# without Scipion, and Scipion finds every protocol, viewer and wizard and does the main job.
# Usage: run.sh [bare]     bare: without Scipion
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd) work=$(mktemp -d)
unset PYTHONPATH  # it could name the checkout
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-$(command -v python3.11 || command -v python3)}
install() { "$1/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}"; }
say() { echo "install-check: $*"; }

cd "$root"
say "build sdist and wheel"
"$python" -m venv "$work/build"
install "$work/build" build
rm -rf build/lib build/bdist.*  # a module that is gone from the sources would be packed again
"$work/build/bin/python" -m build --outdir "$work/dist" . > "$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }

cd "$work"
say "install the sdist"
"$python" -m venv "$work/from_sdist"
install "$work/from_sdist" --no-deps "$work"/dist/*.tar.gz
say "install the wheel without Scipion"
"$python" -m venv "$work/bare"
install "$work/bare" "$work"/dist/*.whl
for environment in from_sdist bare; do
    "$work/$environment/bin/python" "$here/contents.py" "$root"
done
PYTHONPATH="$root/tests/support" "$work/bare/bin/python" "$here/printed_commands.py" "$root" "$work/commands"
if [ "${1:-}" = bare ]; then exit 0; fi

say "install the wheel with Scipion"
"$python" -m venv "$work/scipion"
install "$work/scipion" -c "$root/constraints/scipion.txt" "$(echo "$work"/dist/*.whl)[scipion]"
"$work/scipion/bin/python" "$here/plugin_contents.py" "$root" "$work/home"
"$work/scipion/bin/python" "$root/examples/main_job.py" --folder "$work/demo" > "$work/demo.log" || { cat "$work/demo.log"; exit 1; }
grep -q "To open the project in Scipion" "$work/demo.log"
say "done"
