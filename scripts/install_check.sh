#!/usr/bin/env bash
# Build the wheel from the sdist, install it in an empty environment without Scipion, and run the main job with it.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check build
"$work/venv/bin/python" -m build --outdir "$work/dist" . > "$work/build.log" || { cat "$work/build.log"; exit 1; }
"${PYTHON:-python3}" -m venv "$work/bare"
"$work/bare/bin/python" -m pip install --quiet --disable-pip-version-check "$work"/dist/*.whl
cd "$work"
for needed in protocols.conf logo.png; do
    find "$work/bare" -path "*occupy_scipion/$needed" | grep -q . || { echo "The wheel lacks occupy_scipion/$needed."; exit 1; }
done
"$work/bare/bin/occupy-core" scale "$root/examples/emd_11007_120.map.gz" --outdir "$work/out" --amplify 4 --plot
# It reads the learned model, which must have come with the wheel.
"$work/bare/bin/occupy-core" resolution "$root/examples/emd_11007_120.map.gz" --outdir "$work/resolution" --quiet
"$work/bare/bin/python" - <<'PY'
import importlib.util, json, pathlib
assert importlib.util.find_spec("pyworkflow") is None, "Scipion came along"
result = json.loads(pathlib.Path("out/result_emd_11007_120.json").read_text())
print("full scale", result["limits"]["full_scale"])
PY
