#!/usr/bin/env bash
# Bases without data: the mean of a bigWig skips them, and whether they read as 0 or NaN depends on the reader and its version.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pyBigWig==0.3.29 pybigtools==0.2.5 numpy==2.4.6
cd "$dir"
cat > check.py <<'PY'
import sys
from importlib.metadata import version

import numpy as np
import pyBigWig
import pybigtools

with pyBigWig.open("peak.bw", "w") as file:
    file.addHeader([("chr1", 10_000)])
    file.addEntries("chr1", [100], values=[4.0], span=10)  # a peak of 10 bp at height 4, and nothing else

with pyBigWig.open("peak.bw") as file:
    (mean,) = file.stats("chr1", 0, 1000, exact=True)
    empty = file.stats("chr1", 5000, 6000, exact=True), file.intervals("chr1", 5000, 6000)
    plain = float(np.mean(file.values("chr1", 0, 1000)))
with pybigtools.open("peak.bw") as file:
    other = float(np.mean(file.values("chr1", 0, 1000)))
print("pyBigWig", version("pyBigWig"), "pybigtools", version("pybigtools"))
print("expected: a mean of 0.04 over 1,000 bp, 0 where there is nothing")
print(f"seen:     stats {mean}, {empty}; np.mean of values: pyBigWig {plain}, pybigtools {other:.2f}")
assert mean == 4.0 and empty == ([None], None)
assert np.isnan(plain)
assert np.isnan(other) if sys.argv[1] == "0.3.0" else abs(other - 0.04) < 1e-12
PY
for version in 0.2.5 0.3.0; do
  "$dir/venv/bin/pip" install --quiet --disable-pip-version-check "pybigtools==$version"
  "$dir/venv/bin/python" -W ignore check.py "$version"
done
