#!/usr/bin/env python3
"""Convert one snapshot with Python and with `convert`, side by side.

  python convert.py --snapshot DIR --convert target/release/convert [--repeat 5] [--json FILE] [--metadata DIR]

Both find the snapshot in the page cache, write to the same file system, and take
turns. Earlier output is removed and the disk synced before each run. Python's
time is the restore and the save alone, without starting the interpreter and
importing JAX; the time of `convert` is the whole process, with all that makes its
output safe: checksums of what it reads, digests of every tensor read and written,
fsync and rename. Python's file is not synced.

With track metadata the conversion for alphagenome-pytorch, which turns every kernel,
is timed beside, in turn with the others.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "bench"))

import measure

LIMIT_RATIO = 1 / 3
LIMIT_RSS_ANON = 400.0
# Of the conversion for PyTorch over the one for this project's model
LIMIT_PYTORCH = 1.1
PYTORCH = "convert --for alphagenome-pytorch"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--snapshot", required=True, type=pathlib.Path)
    parser.add_argument("--convert", required=True, type=pathlib.Path, help="the binary")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has Orbax")
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("build/bench-convert"))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--metadata", type=pathlib.Path, help="folder of track metadata")
    parser.add_argument("--json", type=pathlib.Path, help="also write every run to this file")
    return parser.parse_args()


def clean(folder: pathlib.Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.sync()


def main() -> None:
    args = parse_arguments()
    size = measure.warm(args.snapshot)
    runs = {"python": [], "python, whole process": [], "convert": []}
    more = {"convert": []}
    if args.metadata:
        runs[PYTORCH] = []
        more[PYTORCH] = ["--for", "alphagenome-pytorch"]
        more = {name: [*options, "--metadata", str(args.metadata)] for name, options in more.items()}
    memory = {name: [] for name in runs}
    written = 0
    for _ in range(args.repeat):
        clean(args.scratch)
        measure.warm(args.snapshot)
        script = str(HERE / "python_convert.py")
        out = args.scratch / "python.safetensors"
        python = measure.run([args.python, script, str(args.snapshot), str(out)])
        runs["python"].append(json.loads(python.output.splitlines()[-1])["seconds"])
        runs["python, whole process"].append(python.seconds)

        for name in ("python", "python, whole process"):
            memory[name].append((python.rss_anon, python.rss))
        for name, options in more.items():
            clean(args.scratch)
            measure.warm(args.snapshot)
            out = args.scratch / "model"
            arguments = ["--snapshot", str(args.snapshot), "--out", str(out), *options]
            convert = measure.run([str(args.convert), *arguments])
            runs[name].append(convert.seconds)
            memory[name].append((convert.rss_anon, convert.rss))
            written = sum(path.stat().st_size for path in out.glob("*.safetensors"))
    shutil.rmtree(args.scratch, ignore_errors=True)

    rows = []
    for name, seconds in runs.items():
        anonymous, resident = (max(column) for column in zip(*memory[name]))
        rate = written / 1e6 / statistics.median(seconds)
        cells = [measure.spread(seconds), f"{rate:.0f}", f"{anonymous:.0f}", f"{resident:.0f}"]
        rows.append([name, *cells])
    median = {name: statistics.median(seconds) for name, seconds in runs.items()}
    ratio = median["convert"] / median["python"]
    pytorch = median.get(PYTORCH, 0.0) / median["convert"]
    peak = max(anonymous for name in more for anonymous, _ in memory[name])
    print(f"{measure.machine()}; {size / 1e6:.0f} MB read, {written / 1e6:.0f} MB written, {args.repeat} turns\n")
    print(measure.table(["", "seconds", "MB/s", "peak RssAnon, MB", "peak RSS with mapped files, MB"], rows))
    print(f"\nconvert / python: {ratio:.2f} of the time (at most {LIMIT_RATIO:.2f})")
    print(f"convert: {peak:.0f} MB of anonymous memory at its peak (at most {LIMIT_RSS_ANON:.0f})")
    if args.metadata:
        print(f"{PYTORCH} / convert: {pytorch:.2f} of the time (at most {LIMIT_PYTORCH:.2f})")
    print("Inside convert's time: the whole process, checksums, digests, fsync, rename. "
          "Inside python's: restore and save, not synced.")  # fmt: skip
    if args.json:
        result = {"machine": measure.machine(), "bytes_read": size, "bytes_written": written,
                  "seconds": runs, "memory_mb": memory, "ratio": ratio,
                  "pytorch_ratio": pytorch if args.metadata else None}  # fmt: skip
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    good = ratio <= LIMIT_RATIO and peak <= LIMIT_RSS_ANON and pytorch <= LIMIT_PYTORCH
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
