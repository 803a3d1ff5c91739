#!/usr/bin/env bash
# NumPy adds bfloat16 arrays of ml_dtypes one by one in bfloat16: the sum of ones stops at 256, and the mean with it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 ml_dtypes==0.6.0
"$dir/venv/bin/python" - <<'PY'
import ml_dtypes
import numpy as np

ones = np.ones(4096, ml_dtypes.bfloat16)
coverage = np.full(4096, 1.01, ml_dtypes.bfloat16)  # 1.0078125 everywhere: a constant track
seen = {
    "sum of 4,096 ones": float(ones.sum()),
    "their mean": float(ones.mean()),
    "their mean in float16": float(ones.astype(np.float16).mean()),
    "their product with themselves": float(ones @ ones),
    "mean of a constant 1.0078125": float(coverage.mean()),
    "its standard deviation": float(coverage.std()),
}
print("numpy", np.__version__, "ml_dtypes", ml_dtypes.__version__)
print("expected: 4096, 1, 1, 4096, 1.0078125, 0: NumPy takes the mean of float16 in float32, and adds pairwise")
print("seen:    ", seen)
# float16 and the matrix product are right; sums, means and deviations of bfloat16 are not.
assert list(seen.values()) == [256.0, 0.0625, 1.0, 4096.0, 0.125, 0.25], seen
PY
