#!/usr/bin/env bash
# A product that asks for bfloat16 operands (BF16_BF16_F32) is computed in full float32 on a CPU, without a word.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$dir/venv/bin/python" - <<'PY'
import jax
import numpy as np
from jax import lax

rng = np.random.default_rng(0)
query, key = (rng.standard_normal((64, 256)).astype(np.float32) for _ in range(2))
exact = query.astype(np.float64) @ key.T.astype(np.float64)


def distance(precision):
    product = lax.dot_general(query, key, (((1,), (1,)), ((), ())), precision=precision)
    return float(np.linalg.norm(product - exact) / np.linalg.norm(exact))


preset = lax.DotAlgorithmPreset
asked, plain = distance(preset.BF16_BF16_F32), distance(None)
rounded = [np.asarray(jax.numpy.asarray(a, jax.numpy.bfloat16), np.float32) for a in (query, key)]
what_was_asked = float(np.linalg.norm(rounded[0] @ rounded[1].T - exact) / np.linalg.norm(exact))
try:
    distance(preset.TF32_TF32_F32)
    refused = False
except ValueError:
    refused = True
print("jax", jax.__version__, "cpu")
print(f"expected: {what_was_asked:.1e} from the float64 product, as on a GPU, or an error")
print(f"seen:     {asked:.1e}, as without the preset ({plain:.1e}); the TF32 preset is refused: {refused}")
assert asked == plain < 1e-6 < 1e-3 < what_was_asked
assert refused
PY
