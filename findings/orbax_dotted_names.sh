#!/usr/bin/env bash
# Orbax joins a leaf's keys with dots: {"a.b": x, "a": {"b": y}} is saved without a word, and both come back as the same array.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check orbax-checkpoint==0.12.8 tensorstore==0.1.86 \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$dir"
JAX_PLATFORMS=cpu "$dir/venv/bin/python" - <<'PY'
import pathlib

import numpy as np
import orbax.checkpoint as ocp

tree = {"block.norm": np.ones(2, np.float32), "block": {"norm": np.zeros(2, np.float32)}}
with ocp.StandardCheckpointer() as checkpointer:
    checkpointer.save(pathlib.Path("saved").absolute(), tree)
with ocp.StandardCheckpointer() as checkpointer:
    seen = checkpointer.restore(pathlib.Path("saved").absolute())
dotted, nested = np.asarray(seen["block.norm"]).tolist(), np.asarray(seen["block"]["norm"]).tolist()
print("orbax-checkpoint", ocp.__version__)
print("expected: [1.0, 1.0] and [0.0, 0.0], or an error from save")
print("seen:    ", dotted, "and", nested)
# Which of the two is written last is not promised; that one of them is lost is.
assert dotted == nested, (dotted, nested)
PY
