#!/usr/bin/env bash
# Orbax cuts an array that every device holds whole into one chunk a device, if one of its axes can be divided so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check orbax-checkpoint==0.12.8 tensorstore==0.1.86 \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$dir"
JAX_PLATFORMS=cpu XLA_FLAGS=--xla_force_host_platform_device_count=4 "$dir/venv/bin/python" - <<'PY'
import pathlib

import jax
import numpy as np
import orbax.checkpoint as ocp
import tensorstore as ts

mesh = jax.sharding.Mesh(np.array(jax.devices()), ("device",))
replicated = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
tree = {name: jax.device_put(np.ones(shape, np.float32), replicated)
        for name, shape in {"four": (4, 3), "five": (5, 3), "row": (3, 4), "prime": (5, 7), "one": (1,)}.items()}
path = pathlib.Path("saved").absolute()
with ocp.StandardCheckpointer() as checkpointer:
    checkpointer.save(path, tree)
store = ts.KvStore.open({"driver": "ocdbt", "base": f"file://{path}/"}).result()
keys = [key.decode() for key in store.list().result()]
seen = {name: sum(key.startswith(f"{name}/") and ".z" not in key for key in keys) for name in tree}
print("orbax-checkpoint", ocp.__version__, "with", len(jax.devices()), "devices, no array sharded")
print("expected:", dict.fromkeys(tree, 1), "chunks")
print("seen:    ", seen)
assert seen == {"four": 4, "five": 1, "row": 4, "prime": 1, "one": 1}, seen
PY
