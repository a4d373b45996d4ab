#!/usr/bin/env bash
# Checks apply_vector.py against fixtures/expected.json. PYTHON=path/to/python where another has the packages.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}
if ! missing=$("$python" -c 'import accelerate, gguf, safetensors, torch, transformers' 2>&1); then
  echo "skipped: ${missing##*$'\n'}. Install them: $python -m pip install -r $(pwd)/requirements.txt"
  exit 0
fi
HF_HUB_OFFLINE=1 exec "$python" -W ignore check.py "$@"
