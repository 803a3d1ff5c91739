#!/usr/bin/env bash
# Orbax writes zarr, but zarr-python opens its bfloat16 arrays in neither version of the format; float32 it opens in both.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check orbax-checkpoint==0.12.8 tensorstore==0.1.86 \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 zarr==3.1.6
cd "$dir"
JAX_PLATFORMS=cpu "$dir/venv/bin/python" -W ignore - <<'PY'
import logging
import pathlib

import jax.numpy as jnp
import orbax.checkpoint as ocp
import zarr

logging.disable(logging.CRITICAL)
seen = {}
for zarr3 in (False, True):
    path = pathlib.Path(f"saved{zarr3}").absolute()
    handler = ocp.PyTreeCheckpointHandler(use_ocdbt=False, use_zarr3=zarr3)
    ocp.Checkpointer(handler).save(path, {"float32": jnp.ones(4), "bfloat16": jnp.ones(4, jnp.bfloat16)})
    for name in ("float32", "bfloat16"):
        try:
            result = zarr.open(path / name, mode="r")[:].tolist()
        except ValueError as error:
            result = str(error).split(" that")[0]
        seen[f"{name}, v{3 if zarr3 else 2}"] = result
print("orbax-checkpoint", ocp.__version__, "zarr", zarr.__version__)
print("expected: [1.0, 1.0, 1.0, 1.0] four times")
print("seen:    ", seen)
ones, no = [1.0] * 4, "No Zarr data type found"
assert list(seen.values()) == [ones, no, ones, no], seen
PY
