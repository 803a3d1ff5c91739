#!/usr/bin/env bash
# A chunk that is not there reads as zeros in TensorStore and in Orbax 0.9.1; Orbax 0.12.8 refuses it. And 0.9.1 itself
# writes no chunk for an array of zeros in zarr v3, so that the newer rule can not be applied to older checkpoints.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat > "$dir/check.py" <<'PY'
import logging
import pathlib
import sys

import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import tensorstore as ts

logging.disable(logging.CRITICAL)  # the refused read prints pages


def save(name, zarr3):
    path = pathlib.Path(name).absolute()
    handler = ocp.PyTreeCheckpointHandler(use_ocdbt=False, use_zarr3=zarr3)
    ocp.Checkpointer(handler).save(path, {"weight": jnp.arange(4.0) + 1, "bias": jnp.zeros(3)})
    return path


def restore(path):
    try:
        return np.asarray(ocp.PyTreeCheckpointer().restore(path)["weight"]).tolist()
    except Exception as error:
        return "refused" if "reading array index" in str(error) else repr(error)


version = ocp.__version__
v3, v2 = save("v3", True), save("v2", False)
bias_stored = (v3 / "bias/c/0").exists(), (v2 / "bias/0").exists()
(v2 / "weight/0").unlink()  # one file that a copy left out; `.zarray` says "fill_value": null
seen = restore(v2)
driver = ts.open({"driver": "zarr", "kvstore": f"file://{v2}/weight/"}).result().read().result().tolist()
print("orbax-checkpoint", version)
print("expected: an error for a lost chunk; a chunk for every array")
print(f"seen:     Orbax {seen}, TensorStore {driver}; zeros stored in zarr v3, v2: {bias_stored}")
zeros = [0.0] * 4
assert version == sys.argv[1]
assert driver == zeros
assert (seen, bias_stored) == {"0.9.1": (zeros, (False, True)), "0.12.8": ("refused", (True, True))}[version]
PY
for pins in "0.9.1 jax==0.4.38 jaxlib==0.4.38" "0.12.8 jax==0.10.2 jaxlib==0.10.2"; do
  read -r orbax pins <<< "$pins"
  rm -rf "$dir/venv" "$dir/work"
  python3 -m venv "$dir/venv"
  # shellcheck disable=SC2086 # two packages
  "$dir/venv/bin/pip" install --quiet --disable-pip-version-check "orbax-checkpoint==$orbax" $pins \
    tensorstore==0.1.86 numpy==2.4.6
  mkdir "$dir/work"
  (cd "$dir/work" && JAX_PLATFORMS=cpu "$dir/venv/bin/python" -W ignore "$dir/check.py" "$orbax" 2> errors) ||
    { tail -n 3 "$dir/work/errors" >&2; exit 1; }
done
