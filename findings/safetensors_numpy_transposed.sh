#!/usr/bin/env bash
# safetensors 0.8.0 stores a transposed NumPy array with the new shape and the values in the old order; 0.7.0 does not.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
cat > "$dir/check.py" <<'PY'
import sys

import numpy as np
import safetensors
from safetensors.numpy import load, save

seen_as = {"0.7.0": [[0, 3], [1, 4], [2, 5]], "0.8.0": [[0, 1], [2, 3], [4, 5]]}[sys.argv[1]]
weight = np.arange(6, dtype=np.float32).reshape(2, 3)  # Haiku's [in, out]; .T is the [out, in] of other frameworks
seen = load(save({"w": weight.T}))["w"]
fortran = load(save({"w": np.asfortranarray(weight)}))["w"]
print("safetensors", safetensors.__version__, "numpy", np.__version__)
print("expected:", weight.T.tolist())
print("seen:    ", seen.tolist(), "- the same array in Fortran order survives:", bool((fortran == weight).all()))
assert safetensors.__version__ == sys.argv[1]
assert seen.tolist() == seen_as
assert (fortran == weight).all() == (sys.argv[1] == "0.7.0")
# The way out: a copy in C order.
assert (load(save({"w": np.ascontiguousarray(weight.T)}))["w"] == weight.T).all()
PY
for version in 0.7.0 0.8.0; do
  "$dir/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 "safetensors==$version"
  "$dir/venv/bin/python" "$dir/check.py" "$version"
done
