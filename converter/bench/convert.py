#!/usr/bin/env python3
"""Convert one snapshot with Python and with `convert`, side by side.

  python convert.py --snapshot DIR --convert target/release/convert [--repeat 5] [--json FILE]

Both find the snapshot in the page cache, write to the same file system, and take
turns. Earlier output is removed and the disk synced before each run. Python's
time is the restore and the save alone, without starting the interpreter and
importing JAX; the time of `convert` is the whole process, with all that makes its
output safe: checksums of what it reads, digests of every tensor read and written,
fsync and rename. Python's file is not synced.
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


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--snapshot", required=True, type=pathlib.Path)
    parser.add_argument("--convert", required=True, type=pathlib.Path, help="the binary")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has Orbax")
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("build/bench-convert"))
    parser.add_argument("--repeat", type=int, default=5)
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

        clean(args.scratch)
        measure.warm(args.snapshot)
        out = args.scratch / "model"
        arguments = ["--snapshot", str(args.snapshot), "--out", str(out)]
        convert = measure.run([str(args.convert), *arguments])
        runs["convert"].append(convert.seconds)
        written = sum(path.stat().st_size for path in out.glob("*.safetensors"))
        for name, run in (("python", python), ("python, whole process", python), ("convert", convert)):
            memory[name].append((run.rss_anon, run.rss))
    shutil.rmtree(args.scratch, ignore_errors=True)

    rows = []
    for name, seconds in runs.items():
        anonymous, resident = (max(column) for column in zip(*memory[name]))
        rate = written / 1e6 / statistics.median(seconds)
        cells = [measure.spread(seconds), f"{rate:.0f}", f"{anonymous:.0f}", f"{resident:.0f}"]
        rows.append([name, *cells])
    ratio = statistics.median(runs["convert"]) / statistics.median(runs["python"])
    peak = max(anonymous for anonymous, _ in memory["convert"])
    print(f"{measure.machine()}; {size / 1e6:.0f} MB read, {written / 1e6:.0f} MB written, {args.repeat} turns\n")
    print(measure.table(["", "seconds", "MB/s", "peak RssAnon, MB", "peak RSS with mapped files, MB"], rows))
    print(f"\nconvert / python: {ratio:.2f} of the time (at most {LIMIT_RATIO:.2f})")
    print(f"convert: {peak:.0f} MB of anonymous memory at its peak (at most {LIMIT_RSS_ANON:.0f})")
    print("Inside convert's time: the whole process, checksums, digests, fsync, rename. "
          "Inside python's: restore and save, not synced.")  # fmt: skip
    if args.json:
        result = {"machine": measure.machine(), "bytes_read": size, "bytes_written": written,
                  "seconds": runs, "memory_mb": memory, "ratio": ratio}  # fmt: skip
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(0 if ratio <= LIMIT_RATIO and peak <= LIMIT_RSS_ANON else 1)


if __name__ == "__main__":
    main()
