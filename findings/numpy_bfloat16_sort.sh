#!/usr/bin/env bash
# One NaN, and np.sort of a bfloat16 array leaves the finite values unsorted; quantiles and unique values follow.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 ml_dtypes==0.6.0
"$dir/venv/bin/python" - <<'PY'
import ml_dtypes
import numpy as np

track = [1.0, np.nan, 0.5, -1.0]
right = np.sort(np.array(track, np.float32))
seen = np.sort(np.array(track, ml_dtypes.bfloat16))
order = np.argsort(np.array(track, ml_dtypes.bfloat16), stable=True)
print("numpy", np.__version__, "ml_dtypes", ml_dtypes.__version__)
print("expected:", right, "as for float16, float32 and float64: NaN last")
print("seen:    ", seen.astype(np.float32), "and argsort", order)
assert np.array_equal(np.sort(np.array(track, np.float16)), right.astype(np.float16), equal_nan=True)
assert np.array_equal(seen.astype(np.float32), np.array([1.0, np.nan, -1.0, 0.5], np.float32), equal_nan=True)
assert order.tolist() == [0, 1, 3, 2]
PY
