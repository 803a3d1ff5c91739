#!/usr/bin/env bash
# alphagenome-pytorch in mixed precision: positions of splice sites are rounded to bfloat16 with the predictions.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
pip() { "$dir/venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }
pip numpy==2.4.6 safetensors==0.8.0 typing_extensions
pip --no-deps torch==2.13.0
pip --no-deps --ignore-requires-python alphagenome-pytorch==0.3.1
[ "$(uname -sm)" != "Linux x86_64" ] || pip --no-deps nvidia-cuda-runtime==13.0.96
# On a CPU nothing is called in the CUDA libraries that torch is linked with: empty ones do.
lib=$(echo "$dir"/venv/lib/python*/site-packages/torch/lib)
for name in $(ldd "$lib"/*.so* 2> /dev/null | awk '/not found/ { print $1 }' | sort -u); do
  echo | cc -shared -o "$lib/$name" -Wl,-soname,"$name" -x c -
done
"$dir/venv/bin/python" - <<'PY'
import os
import sys
from importlib.metadata import version

sys.setdlopenflags(os.RTLD_LAZY)
import torch
from alphagenome_pytorch import AlphaGenome
from alphagenome_pytorch.config import DtypePolicy

# The last step of a pass, and of predict(), without the weights.
model = AlphaGenome.__new__(AlphaGenome)
torch.nn.Module.__init__(model)
model.dtype_policy = DtypePolicy.mixed_precision()
outputs = {"splice_site_positions": torch.tensor([255, 257, 3001, 131069, -1])}
seen = model._upcast_outputs(model._cast_outputs(outputs))["splice_site_positions"]
print("alphagenome-pytorch", version("alphagenome-pytorch"))
print("expected: int64 255, 257, 3001, 131069, -1")
print("seen:     ", seen.dtype, seen.tolist())
assert seen.dtype == torch.float32 and seen.tolist() == [255.0, 256.0, 3008.0, 131072.0, -1.0], seen
PY
