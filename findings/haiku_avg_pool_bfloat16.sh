#!/usr/bin/env bash
# hk.avg_pool of bfloat16 ones over a window of 512 is 0.5: window sums accumulate in bfloat16, jnp.mean does not.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 dm-haiku==0.0.17 numpy==2.4.6
JAX_PLATFORMS=cpu "$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

import haiku as hk
import jax.numpy as jnp

track = jnp.ones((1, 512, 1), jnp.bfloat16)
seen = {
    "hk.avg_pool": float(hk.avg_pool(track, (512, 1), (512, 1), "VALID")[0, 0, 0]),
    "hk.avg_pool, float32": float(hk.avg_pool(track.astype(jnp.float32), (512, 1), (512, 1), "VALID")[0, 0, 0]),
    "jnp.mean": float(jnp.mean(track)),
    "jnp.sum": float(jnp.sum(track)),
}
print("jax", version("jax"), "dm-haiku", version("dm-haiku"), "cpu")
print("expected: 1, 1, 1, 512")
print("seen:    ", seen)
assert list(seen.values()) == [0.5, 1.0, 1.0, 512.0], seen
PY
