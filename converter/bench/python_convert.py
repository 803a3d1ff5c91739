"""What a Python user would write: restore with Orbax, save with safetensors.

  python python_convert.py SNAPSHOT OUT.safetensors

Prints one line of JSON: seconds of the two steps together, without the imports.

Needs: pip install numpy jax orbax-checkpoint safetensors
"""

import json
import os
import pathlib
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np
import orbax.checkpoint as ocp
import safetensors.numpy


def main() -> None:
    snapshot, out = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    started = time.perf_counter()
    with ocp.StandardCheckpointer() as checkpointer:
        params, state = checkpointer.restore(snapshot)
    tensors = {
        f"{module}/{name}": np.asarray(value)
        for collection in (params, state)
        for module, leaves in collection.items()
        for name, value in leaves.items()
    }
    safetensors.numpy.save_file(tensors, out)
    print(json.dumps({"seconds": time.perf_counter() - started, "tensors": len(tensors)}))


if __name__ == "__main__":
    main()
