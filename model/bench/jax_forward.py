#!/usr/bin/env python3
"""Time AlphaGenome in JAX: the whole forward pass with all heads, float32.

  AG_SRC=<checkout>/src python jax_forward.py --checkpoint SNAPSHOT --length 4096 [--repeat 3]

Prints one line of JSON. Compiling is not in the times: the first pass does that
and is given apart. Needs what parity/recorder/requirements.txt lists.
"""

import argparse
import json
import pathlib
import sys
import time

RECORDER = pathlib.Path(__file__).resolve().parents[2] / "parity" / "recorder"
sys.path.insert(0, str(RECORDER))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", required=True, type=pathlib.Path)
    parser.add_argument("--metadata", type=pathlib.Path)
    parser.add_argument("--length", type=int, required=True, help="base pairs")
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()

    import jax
    import numpy as np

    import reference
    import sequences

    params, state = reference.load_weights(args.checkpoint.resolve())
    forward = reference.forward("float32", reference.load_metadata(args.metadata), taps=False)
    case = sequences.patterned(f"rand42:{args.length}:0")
    one_hot = jax.device_put(sequences.one_hot(case.sequence)[None])
    organism = jax.device_put(np.zeros(1, np.int32))

    seconds = []
    for _ in range(args.repeat + 1):
        started = time.perf_counter()
        jax.block_until_ready(forward(params, state, one_hot, organism))
        seconds.append(time.perf_counter() - started)
    device = jax.devices()[0]
    report = {
        "framework": f"JAX {jax.__version__}",
        "device": device.device_kind,
        "length": args.length,
        "first_seconds": seconds[0],
        "seconds": seconds[1:],
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
