#!/usr/bin/env bash
# The same tensors and metadata give another file at every save: the order of `__metadata__` is that of a hash map.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import hashlib

import numpy as np
import safetensors
from safetensors.numpy import save

tensors = {"w": np.zeros(4, np.float32)}
described = {key: key for key in ("commit", "dtype", "format", "mapping", "model", "revision", "source", "version")}


def digests(metadata):
    return len({hashlib.sha256(save(tensors, metadata=metadata)).hexdigest() for _ in range(50)})


one, eight = digests({"format": "pt"}), digests(described)
print("safetensors", safetensors.__version__)
print("expected: 50 saves of one content have 1 digest")
print(f"seen:     {one} digest with one metadata key, {eight} with eight")
assert one == 1
assert eight > 1  # 8! orders: that 50 saves agree by chance does not happen
PY
