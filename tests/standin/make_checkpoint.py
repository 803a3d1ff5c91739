#!/usr/bin/env python3
"""Write an AlphaGenome-shaped Orbax checkpoint with deterministic weights.

  python make_checkpoint.py --out snapshot
  python make_checkpoint.py --out snapshot_tiny --model tiny

The tree, shapes and dtypes are the published checkpoint's ((params, state), 670
leaves, 450,553,221 values, 1.8 GB); the values come from weights.py. Orbax's
StandardCheckpointer writes it, the class that AlphaGenome's own loader restores
with, so the files are the real format: OCDBT holding zarr arrays.

Needs: pip install numpy jax orbax-checkpoint
"""

import argparse
import os
import pathlib
import shutil
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np
import orbax.checkpoint as ocp

import weights

HERE = pathlib.Path(__file__).resolve().parent
FOLDERS = {"full": HERE, "tiny": HERE / "tiny"}


def write(out: pathlib.Path, model: str, seed: int) -> None:
    """Writes beside `out` and renames, so that an interrupted run leaves no half checkpoint."""
    folder = FOLDERS[model]
    spec = weights.read_spec(folder / "param_spec.json")
    with np.load(folder / "variances_seed0.npz") as variances:
        tree = weights.build(seed, spec, variances)
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(partial, jax.device_put(tree))
    partial.rename(out)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", required=True, type=pathlib.Path, help="the folder to write")
    parser.add_argument("--model", choices=sorted(FOLDERS), default="full")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    out = args.out.resolve()
    if out.exists():
        sys.exit(f"{out} exists: name another folder or remove it")
    out.parent.mkdir(parents=True, exist_ok=True)
    write(out, args.model, args.seed)
    print(f"wrote {out}", file=sys.stderr)


if __name__ == "__main__":
    main()
