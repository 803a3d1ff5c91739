#!/usr/bin/env bash
# The number of sequences in a bigWig that bigtools writes is kept in 16 bits.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pybigtools==0.3.0 pyBigWig==0.3.29
"$dir/venv/bin/python" - "$dir" <<'PY'
import sys

import pyBigWig
import pybigtools


def names(count):
    return [f"scaffold{number:06d}" for number in range(count)]


def written(count):
    path = f"{sys.argv[1]}/{count}.bw"
    values = ((name, 10, 20, 1.0) for name in names(count))
    pybigtools.open(path, "w").write({name: 100 for name in names(count)}, values)
    return path


few, many = written(60_000), written(70_000)
read = {path: pybigtools.open(path) for path in (few, many)}
counts = [len(read[path].chroms()) for path in (few, many)]
assert pyBigWig.open(few).chroms().keys() == set(names(60_000))
try:
    list(read[many].records("scaffold069999"))
    last = "there"
except KeyError as error:
    last = f"KeyError: {error}"
try:
    pyBigWig.open(many)
    other = "opens it"
except RuntimeError as error:
    other = f"RuntimeError: {error}"
print("pybigtools 0.3.0, pyBigWig 0.3.29")
print("expected: files of 60,000 and 70,000 sequences have as many, or the second is refused when it is written")
print(f"seen:     {counts[0]} and {counts[1]}; of the second, scaffold069999: {last}; pyBigWig: {other}")
assert counts == [60_000, 70_000 - 65_536] and last.startswith("KeyError") and other.startswith("RuntimeError")
PY
