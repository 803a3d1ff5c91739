#!/usr/bin/env python3
"""Record what AlphaGenome in JAX computes, for `parity` to compare against.

  python record.py --checkpoint SNAPSHOT --out DIR --dtype bfloat16 --case rand42:4096:0 --taps

README.md beside this script says what to install and what a recording holds.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import sys
import time

import numpy as np

import sequences

FORMAT = 1
PACKAGES = ("jax", "jaxlib", "dm-haiku", "jmp", "numpy", "orbax-checkpoint", "alphagenome")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--checkpoint", required=True, type=pathlib.Path, help="Orbax snapshot folder")
    add("--out", required=True, type=pathlib.Path, help="folder to write")
    add("--dtype", choices=("float32", "bfloat16"), default="bfloat16",
        help="compute and output dtype; bfloat16 is how AlphaGenome ships (default)")
    add("--precision", default="default",
        help="jax_default_matmul_precision; float32 on a GPU is TF32 unless this is `highest`")
    add("--metadata", type=pathlib.Path, help="folder of track metadata (default: the package's)")
    add("--conversion", type=pathlib.Path,
        help="conversion.json of the same snapshot: its digest is written into the manifest")
    add_case_arguments(parser)
    return parser.parse_args()  # fmt: skip


def add_case_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what every recorder takes: the cases, and what is kept of them."""
    add = parser.add_argument
    add("--case", action="append", default=[], metavar="PATTERN:LENGTH:ORGANISM",
        help="a made-up sequence, as rand42:4096:human; may be repeated")
    add("--suite", action="store_true", help="the 13 patterns for both organisms at 4,096 bp")
    add("--fasta", type=pathlib.Path, help="record every sequence of this file")
    add("--organism", type=sequences.organism_index, default=0, metavar="ORGANISM",
        help="of --fasta: human (default), mouse, or the index")
    add("--variant", action="append", default=[], metavar="CASE@OFFSET:REF>ALT",
        help="record REF and ALT, as rand42:4096:0@2048:.>A; may be repeated")
    add("--taps", action="store_true", help="also record the output of every block")
    add("--budget", type=int, default=65536, help="values kept of an output; 0 keeps all")
    add("--repeat", type=int, default=0, help="repeat each forward pass and record its seconds")
    add("--force", action="store_true", help="write over an earlier recording")  # fmt: skip


def gather_cases(args: argparse.Namespace) -> list[sequences.Case]:
    cases = [sequences.patterned(text) for text in args.case]
    if args.suite:
        cases += sequences.suite()
    if args.fasta:
        cases += sequences.from_fasta(args.fasta, args.organism)
    for text in args.variant:
        cases += sequences.variant(text)
    if not cases:
        raise sequences.CaseError("nothing to record: give --case, --suite, --fasta or --variant")
    names = [case.name for case in cases]
    for name in names:
        if names.count(name) > 1:
            raise sequences.CaseError(f"two cases are named {name}")
    return cases


def describe(name: str, array, moments) -> dict:
    """Returns the manifest's entry of one output."""
    entry = {"shape": list(array.shape), "dtype": str(array.dtype), "all_finite": True}
    if np.issubdtype(array.dtype, np.integer) or array.dtype == bool:
        return entry | {"mean": None, "std": None}
    finite, mean, spread = moments(array)
    return entry | {"all_finite": bool(finite), "mean": float(mean), "std": float(spread)}


def write_whole(path: pathlib.Path, write) -> None:
    """Writes beside `path` and renames, so that no reader meets half a file."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        write(file)
    partial.replace(path)


def record_case(case: sequences.Case, run, args: argparse.Namespace) -> dict:
    """Runs one case and writes its archive; returns the manifest's entry."""
    import jax

    import reference

    sequence = jax.device_put(sequences.one_hot(case.sequence)[None])
    organism = jax.device_put(np.array([case.organism], np.int32))
    outputs, seconds = timed(lambda: jax.block_until_ready(run(sequence, organism)), args.repeat)
    entries = {name: describe(name, array, reference.moments) for name, array in outputs.items()}
    return write_case(case, outputs, entries, seconds, args)


def timed(run, repeat: int):
    """Returns what `run` gives, and the seconds of `repeat` further passes."""
    started = time.perf_counter()
    outputs = run()
    print(f"first pass {time.perf_counter() - started:.1f} s", file=sys.stderr)
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return outputs, seconds


def write_case(case: sequences.Case, outputs: dict, entries: dict, seconds: list, args) -> dict:
    """Writes a case's archive; returns the manifest's entry."""
    import sampling

    members = {"sequence": case.sequence}
    for name, array in outputs.items():
        # A bias tap holds every sixteenth row and column already.
        budget = 0 if "attention_bias" in name else args.budget
        members |= sampling.sampled(name, array, budget)
    file = f"{case.name}.npz"
    write_whole(args.out / file, lambda f: np.savez_compressed(f, **members))
    print(f"{case.name}: {len(entries)} outputs", file=sys.stderr)
    entry = {
        "name": case.name,
        "file": file,
        "sequence_length": len(case.sequence),
        "organism_index": case.organism,
        "seconds": seconds,
        "outputs": entries,
    }
    return entry | ({"variant": case.variant} if case.variant else {})


def source_digest(conversion: pathlib.Path) -> str:
    """Returns the digest of the snapshot as the converter's ledger states it."""
    ledger = json.loads(conversion.read_text())
    try:
        return f"{ledger['digest_algorithm']}:{ledger['source']['digest']}"
    except (KeyError, TypeError) as error:
        raise SystemExit(f"{conversion}: no digest of a source: is it a conversion.json?") from error


def record(args: argparse.Namespace, cases: list[sequences.Case]) -> None:
    import jax

    device = jax.devices()[0]
    try:
        sequences.check_platform(cases, device.platform)
    except sequences.CaseError as error:
        sys.exit(str(error))
    jax.config.update(
        "jax_default_matmul_precision", None if args.precision == "default" else args.precision
    )
    try:
        import reference
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"{error}: install requirements.txt and the model code, or name a checkout's src folder "
            "in AG_SRC (see README.md)"
        ) from error

    manifest = {
        "format": FORMAT,
        "framework": "jax",
        "jax": jax.__version__,
        "versions": {
            name: importlib.metadata.version(name) for name in PACKAGES if name != "jax"
        },
        "platform": device.platform,
        "device": device.device_kind,
        "compute_dtype": args.dtype,
        "matmul_precision": args.precision,
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "checkpoint": args.checkpoint.resolve().name,
        "taps": args.taps,
        "budget": args.budget,
    }
    if args.conversion:
        manifest["checkpoint_digest"] = source_digest(args.conversion)
    params, state = reference.load_weights(args.checkpoint.resolve())
    forward = reference.forward(args.dtype, reference.load_metadata(args.metadata), args.taps)

    def run(sequence, organism):
        return forward(params, state, sequence, organism)

    write_recording(manifest, cases, lambda case: record_case(case, run, args), args.out)


def write_recording(manifest: dict, cases: list[sequences.Case], record_one, out) -> None:
    """Records the cases one by one, and writes the manifest last."""
    out.mkdir(parents=True, exist_ok=True)
    # Without its manifest an interrupted recording is none.
    (out / "manifest.json").unlink(missing_ok=True)
    manifest["cases"] = [record_one(case) for case in cases]
    text = json.dumps(manifest, indent=1) + "\n"
    write_whole(out / "manifest.json", lambda f: f.write(text.encode()))
    print(f"wrote {out}", file=sys.stderr)


def checked_cases(args: argparse.Namespace) -> list[sequences.Case]:
    """Returns the cases that were asked for, or ends where none can be written."""
    if (args.out / "manifest.json").exists() and not args.force:
        sys.exit(f"--out: {args.out} holds a recording; give another folder or --force")
    try:
        return gather_cases(args)
    except (sequences.CaseError, OSError) as error:
        sys.exit(str(error))


def main() -> None:
    args = parse_arguments()
    if not args.checkpoint.is_dir():
        sys.exit(f"--checkpoint: {args.checkpoint} is no folder")
    record(args, checked_cases(args))


if __name__ == "__main__":
    main()
