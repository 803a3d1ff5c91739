#!/usr/bin/env bash
# A bigWig that bigtools writes has values in its gaps: zoom records between two covered parts carry the value after them.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pybigtools==0.3.0 pyBigWig==0.3.29 numpy==2.4.6
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import pyBigWig
import pybigtools

# 1 on the first 4,096 bases, nothing up to base 9,001, then 7.
covered = [("chr1", at, at + 1, 1.0) for at in range(4096)]
covered += [("chr1", at, at + 1, 7.0) for at in range(9001, 20000)]
pybigtools.open("bigtools.bw", "w").write({"chr1": 20000}, iter(covered))
with pyBigWig.open("kent.bw", "w") as file:
    file.addHeader([("chr1", 20000)])
    names, starts, ends, values = zip(*covered)
    file.addEntries(list(names), list(starts), ends=list(ends), values=list(values))

seen = {}
for name in ("bigtools.bw", "kent.bw"):
    with pybigtools.open(name) as file:
        records = list(file.zoom_records(file.zooms()[0], "chr1"))
    with pyBigWig.open(name) as file:
        means = [file.stats("chr1", 5000, 8000)[0], file.stats("chr1", 5000, 8000, exact=True)[0]]
    seen[name] = sum(1 for start, end, _ in records if start >= 4096 and end <= 9001), *means
print("pybigtools", version("pybigtools"), "pyBigWig", version("pyBigWig"))
print("expected: no zoom record between the two parts, and no mean there")
for name, (between, mean, exact) in seen.items():
    print(f"seen:     {name}: {between} records; mean by zoom levels {mean}, exact {exact}")
assert seen["kent.bw"] == (0, None, None), seen
assert seen["bigtools.bw"][0] > 20 and seen["bigtools.bw"][1:] == (7.0, None), seen
PY
