#!/usr/bin/env python3
"""Hold a state dict against the package that it is for, and against that package's own way from JAX.

  python check.py --model FOLDER --snapshot SNAPSHOT

FOLDER is what `convert --for alphagenome-pytorch` wrote from the Orbax checkpoint
SNAPSHOT. The package must load it with strict=True, and the functions of its own
converter (jax_compat), on what Orbax reads, must give the same bits. Means of
tracks are held to tracks.json.
"""

import argparse
import json
import os
import pathlib
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np
import orbax.checkpoint as ocp
from alphagenome_pytorch import AlphaGenome
from alphagenome_pytorch.jax_compat.transforms import apply_transform
from alphagenome_pytorch.jax_compat.weight_mapping import map_pytorch_to_jax
from safetensors.torch import load_file


def read_leaves(snapshot: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the leaves of (params, state) by module and name."""
    with ocp.StandardCheckpointer() as checkpointer:
        params, state = checkpointer.restore(snapshot)
    return {
        f"{module}/{name}": np.asarray(value)
        for tree in (params, state)
        for module, leaves in tree.items()
        for name, value in leaves.items()
    }


def means(tracks: dict, head: str) -> np.ndarray:
    """Returns the means of a head's tracks as the package wants them: 0 for none, and 1 where there are none at all."""
    rows = []
    for organism in tracks["organisms"]:
        row = [track.get("nonzero_mean") for track in organism["outputs"][head.upper()]]
        rows.append([1.0] * len(row) if set(row) == {None} else [mean or 0.0 for mean in row])
    return np.array(rows, np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=pathlib.Path)
    parser.add_argument("--snapshot", required=True, type=pathlib.Path)
    args = parser.parse_args()
    path = args.model / "model.safetensors"
    weights = load_file(path)
    AlphaGenome.from_pretrained(path).load_state_dict(weights, strict=True)

    leaves = read_leaves(args.snapshot.resolve())
    tracks = json.loads((args.model / "tracks.json").read_text())
    used, wrong = set(), []
    for name, tensor in weights.items():
        found = tensor.numpy()
        if name.endswith(".track_means"):
            expected = means(tracks, name.split(".")[1])
        else:
            key = map_pytorch_to_jax(name)
            used.add(key)
            expected = apply_transform(name, leaves[key], found.shape)
        if found.dtype != expected.dtype or found.tobytes() != np.ascontiguousarray(expected).tobytes():
            wrong.append(name)
    unused = sorted(set(leaves) - used)
    print(f"{len(weights)} tensors of {len(leaves)} leaves: {len(wrong)} differ, {len(unused)} leaves unused")
    if wrong or unused:
        sys.exit("\n".join([*wrong, *unused]))


if __name__ == "__main__":
    main()
