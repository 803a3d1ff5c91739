#!/usr/bin/env bash
# bfloat16 through NumPy's files: np.save forgets the type, and safetensors reads it from a file but not from bytes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 ml_dtypes==0.6.0 safetensors==0.8.0
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import pathlib

import ml_dtypes
import numpy as np
import safetensors
from safetensors.numpy import load, load_file, save_file

values = np.array([1.0, 2.0, 3.0], ml_dtypes.bfloat16)
np.savez("a.npz", values=values)
loaded = np.load("a.npz")["values"]
save_file({"values": values}, "a.safetensors")
from_file = load_file("a.safetensors")["values"].dtype
try:
    from_bytes = str(load(pathlib.Path("a.safetensors").read_bytes())["values"].dtype)
except KeyError as error:
    from_bytes = f"KeyError {error}"
print("numpy", np.__version__, "ml_dtypes", ml_dtypes.__version__, "safetensors", safetensors.__version__)
print("expected: bfloat16, bfloat16, bfloat16, or an error where the file is written")
print(f"seen:     np.load {loaded.dtype}; safetensors load_file {from_file}, load of the same bytes {from_bytes}")
assert loaded.dtype == np.dtype("V2")  # raw bytes, no numbers
assert (loaded.view(ml_dtypes.bfloat16) == values).all()  # the way out, if one knows that it was bfloat16
assert from_file == values.dtype
assert from_bytes == "KeyError 'BF16'", from_bytes
PY
