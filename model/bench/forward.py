#!/usr/bin/env python3
"""Time the whole forward pass in float32 on the CPU, in Rust and in JAX, in one run.

  python forward.py --snapshot DIR --convert target/release/convert \
      --forward target/release/examples/bench_cpu [--metadata DIR] [--lengths 4096 16384]

The snapshot is converted first. Every contestant runs one pass to warm up, then
takes turns with the other, one process a turn, each pass with all heads and all
outputs. JAX takes part where AG_SRC names the `src` folder of a checkout of
google-deepmind/alphagenome_research and JAX_PYTHON (or this interpreter) has what
parity/recorder/requirements.txt lists; where it does not, that is said.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "bench"))

import measure

# At most this share of JAX's time, by length, and this much memory at 16,384 bp.
LIMIT_RATIO = {4096: 0.5, 16384: 0.65}
LIMIT_RSS = {16384: 6000.0}
MODULES = ("jax", "haiku", "jmp", "alphagenome", "orbax.checkpoint")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--snapshot", required=True, type=pathlib.Path)
    parser.add_argument("--convert", required=True, type=pathlib.Path, help="the binary")
    parser.add_argument("--forward", required=True, type=pathlib.Path, help="the example bench_cpu")
    parser.add_argument("--metadata", type=pathlib.Path, help="folder of track metadata")
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("build/bench-cpu"))
    parser.add_argument("--lengths", type=int, nargs="+", default=[4096, 16384])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--passes", type=int, default=1, help="timed passes a turn")
    parser.add_argument("--json", type=pathlib.Path, help="also write every run to this file")
    return parser.parse_args()


def jax_interpreter() -> tuple[str | None, str]:
    """Returns an interpreter that can run JAX's side, or None and the reason."""
    if "AG_SRC" not in os.environ:
        return None, "AG_SRC names no checkout of the model code"
    python = os.environ.get("JAX_PYTHON", sys.executable)
    imports = "; ".join(f"import {module}" for module in MODULES)
    probe = subprocess.run([python, "-c", imports], capture_output=True, text=True)
    if probe.returncode:
        return None, f"{python}: {probe.stderr.strip().splitlines()[-1]}"
    return python, ""


def contestants(args: argparse.Namespace, model: pathlib.Path) -> dict[str, list[str]]:
    """Returns {name: command without length}."""
    commands = {"Rust": [str(args.forward), "--model", str(model)]}
    python, reason = jax_interpreter()
    if python is None:
        print(f"JAX is skipped: {reason}\n")
    else:
        script = str(HERE / "jax_forward.py")
        commands["JAX"] = [python, script, "--checkpoint", str(args.snapshot)]
        if args.metadata:
            commands["JAX"] += ["--metadata", str(args.metadata)]
    return commands


def main() -> None:
    args = parse_arguments()
    model = args.scratch / "model"
    command = [str(args.convert), "--snapshot", str(args.snapshot), "--out", str(model), "--force"]
    command += ["--metadata", str(args.metadata)] if args.metadata else []
    args.scratch.mkdir(parents=True, exist_ok=True)
    subprocess.run(command, check=True, stdout=sys.stderr)
    measure.warm(args.snapshot)
    measure.warm(model)

    commands = contestants(args, model)
    rows, results, failures = [], [], []
    for length in args.lengths:
        runs = {name: [] for name in commands}
        memory = dict.fromkeys(commands, 0.0)
        for _ in range(args.turns):
            for name, command in commands.items():
                run = measure.run(
                    [*command, "--length", str(length), "--repeat", str(args.passes)],
                    JAX_PLATFORMS="cpu",
                )
                runs[name] += json.loads(run.output.splitlines()[-1])["seconds"]
                memory[name] = max(memory[name], run.rss)
        medians = {name: statistics.median(seconds) for name, seconds in runs.items()}
        ratio = medians["Rust"] / medians["JAX"] if "JAX" in medians else None
        limit = LIMIT_RATIO.get(length)
        if ratio is not None and limit is not None and ratio > limit:
            failures.append(f"{length} bp: {ratio:.2f} of JAX's time, at most {limit}")
        if memory["Rust"] > LIMIT_RSS.get(length, float("inf")):
            failures.append(f"{length} bp: {memory['Rust']:.0f} MB, at most {LIMIT_RSS[length]:.0f}")
        for name, seconds in runs.items():
            share = f"{ratio:.2f}" if name == "Rust" and ratio is not None else ""
            cells = [f"{length:,}", name, measure.spread(seconds), f"{memory[name]:,.0f}", share]
            rows.append(cells)
        results.append({"length": length, "seconds": runs, "peak_rss_mb": memory, "ratio": ratio})

    print(f"{measure.machine()}; float32, all heads; seconds are the median (range) of {args.turns * args.passes}\n")
    print(measure.table(["bp", "", "seconds", "peak RSS, MB", "of JAX's time"], rows))
    for failure in failures:
        print(f"too slow or too large: {failure}")
    if args.json:
        args.json.write_text(json.dumps({"machine": measure.machine(), "results": results}, indent=1) + "\n")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
