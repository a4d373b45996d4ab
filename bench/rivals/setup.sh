#!/usr/bin/env bash
# Installs what bench/engine.ts compares with (Linux, x64): node-llama-cpp and PyTorch. `npm run bench:setup` runs it
# and then writes the rivals' model files.
set -euo pipefail
cd "$(dirname "$0")"
# prebuilt binary of one platform only, and no build from source
npm install --omit=optional --ignore-scripts --no-audit --no-fund --no-package-lock
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --requirement requirements.txt
