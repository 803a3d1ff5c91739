#!/usr/bin/env bash
# lax.top_k ranks +0.0 above -0.0 and a negative NaN last; jnp.argsort and jnp.max on the same array do not.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$dir/venv/bin/python" - <<'PY'
import jax
import jax.numpy as jnp
from jax import lax

masked = jnp.array([-3.0, 0.0, 2.0, 5.0]) * jnp.array([0.0, 0.0, 0.0, 1.0])  # -0.0 where a mask met a negative score
picked = lax.top_k(masked, 4)[1].tolist()
sorted_ = jnp.argsort(masked, descending=True, stable=True).tolist()
nans = lax.top_k(jnp.array([-jnp.nan, 1.0, jnp.nan]), 3)[1].tolist()
nans_sorted = jnp.argsort(jnp.array([-jnp.nan, 1.0, jnp.nan]), descending=True, stable=True).tolist()
print("jax", jax.__version__, "cpu")
print("expected: [3, 0, 1, 2] from both (equal values in order of position), and NaN in one place")
print("seen:     top_k", picked, "argsort", sorted_, "- with NaN: top_k", nans, "argsort", nans_sorted)
assert picked == [3, 1, 2, 0]
assert sorted_ == [3, 0, 1, 2]
assert nans == [2, 1, 0]
assert nans_sorted == [0, 2, 1]
PY
