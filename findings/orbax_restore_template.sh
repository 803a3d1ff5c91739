#!/usr/bin/env bash
# Restoring into a template: another shape is refused, another type is cast modulo 2^n; and PyTreeCheckpointer heeds neither.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check orbax-checkpoint==0.12.8 tensorstore==0.1.86 \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$dir"
JAX_PLATFORMS=cpu "$dir/venv/bin/python" -W ignore 2> errors - <<'PY' || { tail -n 3 errors >&2; exit 1; }
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

path = pathlib.Path("saved").absolute()
with ocp.StandardCheckpointer() as checkpointer:
    checkpointer.save(path, {"w": jnp.array([1.5, 300.0, -2.7])})


def standard(shape, dtype):
    with ocp.StandardCheckpointer() as checkpointer:
        try:
            return np.asarray(checkpointer.restore(path, {"w": jax.ShapeDtypeStruct(shape, dtype)})["w"]).tolist()
        except ValueError:
            return "refused"


pytree = ocp.PyTreeCheckpointer().restore(path, item={"w": jnp.zeros((7,), jnp.uint8)})["w"]
print("orbax-checkpoint", ocp.__version__)
print("expected: both refused")
print(f"seen:     shape {standard((7,), jnp.float32)}, uint8 {standard((3,), jnp.uint8)};",
      f"PyTreeCheckpointer with 7 uint8 as item: {pytree.shape} {pytree.dtype}")
assert standard((7,), jnp.float32) == "refused"
seen = standard((3,), jnp.uint8)
assert seen[0] == 1 and len(seen) == 3  # what a negative or too large number becomes is the processor's choice
assert (pytree.shape, pytree.dtype) == ((3,), jnp.float32)
PY
