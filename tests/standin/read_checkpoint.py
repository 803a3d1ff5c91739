#!/usr/bin/env python3
"""Hold a converted model against an independent reading of its snapshot.

  python read_checkpoint.py --snapshot DIR --model DIR [--drawn full|tiny]

Orbax reads the snapshot, the safetensors package reads the conversion, and
every leaf must be there once with the same bytes. With --drawn the values must
also equal those of weights.py at seed 0. Prints one line of JSON; exit code 0 if
all agree, 1 if not, and every difference stands on stderr.

Needs: pip install numpy jax orbax-checkpoint safetensors
"""

import argparse
import json
import os
import pathlib
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np
import orbax.checkpoint as ocp
import safetensors

import weights

HERE = pathlib.Path(__file__).resolve().parent
FOLDERS = {"full": HERE, "tiny": HERE / "tiny"}
COLLECTIONS = ("params", "state")


def read_snapshot(path: pathlib.Path) -> dict[tuple[str, str, str], np.ndarray]:
    """Returns {(collection, module, name): array}; arrays go to host memory whatever device wrote them."""
    with ocp.PyTreeCheckpointer() as checkpointer:
        tree = checkpointer.metadata(path).item_metadata.tree
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        restored = checkpointer.restore(path, restore_args=as_numpy)
    collections = restored.values() if isinstance(restored, dict) else restored
    return {
        (collection, module, name): np.asarray(value)
        for collection, modules in zip(COLLECTIONS, collections, strict=True)
        for module, leaves in modules.items()
        for name, value in leaves.items()
    }


def read_model(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns {tensor name: array} of one file or of every shard."""
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safetensors.safe_open(path, framework="numpy") as file:
            for name in file.keys():
                if name in tensors:
                    raise SystemExit(f"{path}: {name} stands in another shard too")
                tensors[name] = file.get_tensor(name)
    if not tensors:
        raise SystemExit(f"{folder}: no .safetensors file")
    return tensors


def target_name(module: str, name: str) -> str:
    """The documented name of a tensor: the module path without `alphagenome/`, then the leaf."""
    return f"{module.removeprefix('alphagenome/')}/{name}"


def without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal bytes, dtype and shape; leading axes of length one may be squeezed."""
    return (
        a.dtype == b.dtype
        and without_leading_ones(a.shape) == without_leading_ones(b.shape)
        and a.tobytes() == b.tobytes()
    )


def differences(snapshot, model, drawn):
    """Yields one line a difference."""
    remaining = dict(model)
    for (collection, module, name), value in snapshot.items():
        target = target_name(module, name)
        converted = remaining.pop(target, None)
        if converted is None:
            yield f"{target}: in the snapshot, not in the model"
        elif not same(value, converted):
            yield (
                f"{target}: snapshot {value.dtype}{value.shape}, model "
                f"{converted.dtype}{converted.shape}, or their values, differ"
            )
        if drawn is not None:
            expected = drawn.pop((collection, module, name), None)
            if expected is None or not same(expected, value):
                yield f"{target}: not the value that weights.py draws"
    for target in remaining:
        yield f"{target}: in the model, not in the snapshot"
    for collection, module, name in drawn or ():
        yield f"{target_name(module, name)}: drawn by weights.py, not in the snapshot"


def draw(model: str):
    folder = FOLDERS[model]
    spec = weights.read_spec(folder / "param_spec.json")
    with np.load(folder / "variances_seed0.npz") as variances:
        return {leaf[:3]: weights.leaf_value(0, leaf, variances) for leaf in spec}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--snapshot", required=True, type=pathlib.Path)
    parser.add_argument("--model", required=True, type=pathlib.Path)
    parser.add_argument("--drawn", choices=sorted(FOLDERS))
    args = parser.parse_args()
    snapshot = read_snapshot(args.snapshot.resolve())
    lines = list(
        differences(snapshot, read_model(args.model), draw(args.drawn) if args.drawn else None)
    )
    for line in lines:
        print(line, file=sys.stderr)
    print(
        json.dumps(
            {
                "leaves": len(snapshot),
                "values": sum(value.size for value in snapshot.values()),
                "differences": len(lines),
            }
        )
    )
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
