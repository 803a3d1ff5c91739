#!/usr/bin/env python3
"""Haiku's ResNet-18 as a second model for the mapping language.

  python resnet18.py make --snapshot DIR
  python resnet18.py check --snapshot DIR --model FOLDER

`make` writes an Orbax checkpoint of haiku.nets.ResNet18 with values drawn from a
seed; `check` holds FOLDER, which `convert --spec mapping/resnet18.toml` wrote, to
what Orbax reads, leaf by leaf, by names and layouts that are worked out here.
"""

import argparse
import os
import pathlib
import re
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import haiku as hk
import jax
import numpy as np
import orbax.checkpoint as ocp
from safetensors.numpy import load_file

SEED = 0


def make(snapshot: pathlib.Path) -> None:
    model = hk.transform_with_state(lambda image: hk.nets.ResNet18(1000)(image, is_training=True))
    image = jax.ShapeDtypeStruct((1, 224, 224, 3), np.float32)
    shapes = jax.eval_shape(model.init, jax.random.PRNGKey(0), image)
    rng = np.random.default_rng(SEED)

    def draw(leaf):
        if leaf.dtype == np.int32:
            return rng.integers(1, 1000, leaf.shape).astype(np.int32)
        return rng.standard_normal(leaf.shape).astype(np.float32)

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(snapshot, jax.device_put(jax.tree.map(draw, shapes)))


def torch_name(module: str, name: str) -> str | None:
    """Returns torchvision's name of a leaf, or None for one that it lacks."""
    if name == "hidden" or (name == "counter" and "var_ema" in module):
        return None
    path = module.removeprefix("res_net18/~/")
    path, _, average = path.partition("/~/mean_ema")
    path, _, variance = path.partition("/~/var_ema")
    path = path.replace("initial_conv", "conv1").replace("initial_batchnorm", "bn1").replace("logits", "fc")
    if groups := re.fullmatch(r"block_group_(\d)/~/block_(\d)/~/(\w+?)(?:_(\d))?", path):
        group, block, kind, number = groups.groups()
        kind = {"conv": "conv", "batchnorm": "bn", "shortcut_conv": "downsample.0",
                "shortcut_batchnorm": "downsample.1"}[kind]  # fmt: skip
        path = f"layer{int(group) + 1}.{block}.{kind}{'' if number is None else int(number) + 1}"
    last = {"w": "weight", "scale": "weight", "b": "bias", "offset": "bias", "counter": "num_batches_tracked",
            "average": "running_var" if "var_ema" in module else "running_mean"}[name]  # fmt: skip
    return f"{path}.{last}"


def check(snapshot: pathlib.Path, model: pathlib.Path) -> None:
    with ocp.StandardCheckpointer() as checkpointer:
        trees = checkpointer.restore(snapshot)
    found = load_file(model / "model.safetensors")
    wrong = []
    for tree in trees:
        for module, leaves in tree.items():
            for name, leaf in leaves.items():
                target, expected = torch_name(module, name), np.asarray(leaf)
                if target is None:
                    continue
                if expected.ndim == 4 and name == "w":
                    expected = np.transpose(expected, (3, 2, 0, 1))
                elif name == "w":
                    expected = expected.T
                elif expected.ndim == 4:
                    expected = expected.reshape(-1)
                tensor = found.pop(target, None)
                if tensor is None or tensor.dtype != expected.dtype or not np.array_equal(tensor, expected):
                    wrong.append(target)
    if wrong or found:
        sys.exit("\n".join([*wrong, *(f"{name}: made of nothing" for name in found)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "check"))
    parser.add_argument("--snapshot", required=True, type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path)
    args = parser.parse_args()
    snapshot = args.snapshot.resolve()
    make(snapshot) if args.what == "make" else check(snapshot, args.model)


if __name__ == "__main__":
    main()
