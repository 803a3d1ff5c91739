#!/usr/bin/env python3
"""Time the scores of variants here and in JAX, in one run: REF and ALT of each, from the genome to the numbers.

  python scores.py --model DIR --parity target/release/parity [--device cuda] [--snapshot DIR] [--lengths 131072 1048576]

Every contestant scores the same variants of a made-up genome (score_inputs.py), one process each and one after the other.
JAX takes part where --snapshot is given, AG_SRC names the `src` folder of a checkout of
google-deepmind/alphagenome_research 0.3.0, and JAX_PYTHON (or this interpreter) can import it; where it does not, that is
said.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

import score_inputs

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "bench"))

import measure

# How JAX's settings are called there.
JAX = {"bf16": ("bfloat16", "default"), "tf32": ("float32", "default"), "f32": ("float32", "highest")}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, type=pathlib.Path, help="converted")
    parser.add_argument("--parity", required=True, type=pathlib.Path, help="the binary")
    parser.add_argument("--old", type=pathlib.Path, help="a second binary, to be timed beside")
    parser.add_argument("--snapshot", type=pathlib.Path, help="for JAX")
    parser.add_argument("--metadata", type=pathlib.Path, help="folder of track metadata, for JAX")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precisions", nargs="+", choices=JAX, help="default: all that the device has")
    parser.add_argument("--jax-precisions", nargs="*", choices=JAX, default=["bf16"])
    parser.add_argument("--lengths", type=int, nargs="+", default=[16384])
    parser.add_argument("--count", type=int, default=20, help="timed variants of a kind")
    parser.add_argument("--jax-count", type=int, default=5)
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("build/bench-scores"))
    parser.add_argument("--json", type=pathlib.Path, help="also write every run to this file")
    args = parser.parse_args()
    args.precisions = args.precisions or [name for name in JAX if args.device != "cpu" or name != "tf32"]
    return args


def arithmetic(device: str, precision: str) -> str:
    if device == "cpu":
        return f"xla-cpu-{precision}"
    return "split-f32" if precision == "f32" else f"xla-gpu-{precision}"


def ours(args: argparse.Namespace, binary: pathlib.Path, length: int, precision: str) -> dict:
    command = [str(binary), "bench", "--model", str(args.model), "--device", args.device, "--length", str(length)]
    command += ["--arithmetic", arithmetic(args.device, precision), "--scores", str(args.scratch), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def jax(args: argparse.Namespace, length: int, precision: str) -> dict:
    dtype, products = JAX[precision]
    command = [os.environ.get("JAX_PYTHON", sys.executable), str(HERE / "jax_scores.py")]
    command += ["--checkpoint", str(args.snapshot), "--inputs", str(args.scratch), "--length", str(length)]
    command += ["--dtype", dtype, "--precision", products, "--most", str(args.jax_count)]
    command += ["--metadata", str(args.metadata)] if args.metadata else []
    found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if found.returncode:
        sys.exit(f"JAX: {found.stderr.strip().splitlines()[-1]}")
    return json.loads(found.stdout.splitlines()[-1])


def main() -> None:
    args = parse_arguments()
    score_inputs.write(args.scratch, args.count + 3)
    with_jax = args.snapshot and "AG_SRC" in os.environ
    if not with_jax:
        print("JAX is skipped: --snapshot or AG_SRC is not given", file=sys.stderr)
    rows, runs = [], []
    for length in args.lengths:
        for precision in args.precisions:
            contestants = {"here": ours(args, args.parity, length, precision)}
            if args.old:
                contestants["old"] = ours(args, args.old, length, precision)
            if with_jax and precision in args.jax_precisions:
                contestants["JAX"] = jax(args, length, precision)
            runs.append({"length": length, "precision": precision, **contestants})
            for index, work in enumerate(contestants["here"]["work"]):
                cells = [f"{length:,}", precision, work["variants"], work["scorers"], f"{work['median_ms']:.1f}"]
                cells.append(f"{contestants['old']['work'][index]['median_ms']:.1f}" if args.old else "")
                times = contestants["JAX"]["work"][index]["milliseconds"] if "JAX" in contestants else []
                cells += [f"{statistics.median(times):.0f}", f"{statistics.median(times) / work['median_ms']:.1f}"] if times else ["", ""]
                rows.append(cells)
    print(f"{measure.machine()}; milliseconds a variant, medians of {args.count} here and {args.jax_count} in JAX\n")
    print(measure.table(["bp", "precision", "variants", "scorers", "here", "old", "JAX", "times faster"], rows))
    if args.json:
        args.json.write_text(json.dumps({"machine": measure.machine(), "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
