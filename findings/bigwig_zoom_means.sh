#!/usr/bin/env bash
# Means of a bigWig come from its zoom levels unless one asks for exact ones: over 128 bp bins they are off by half.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pyBigWig==0.3.29 pybigtools==0.3.0 numpy==2.4.6
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pyBigWig
import pybigtools

rng = np.random.default_rng(0)
signal = rng.gamma(0.1, 1.0, 1 << 20).astype(np.float32)
with pyBigWig.open("signal.bw", "w") as file:
    file.addHeader([("chr1", len(signal))])
    file.addEntries("chr1", 0, values=signal.tolist(), span=1, step=1)

start, bins, width = 1000, 100, 128
end = start + bins * width
right = signal[start:end].astype(np.float64).reshape(bins, width).mean(axis=1)


def worst(means):
    return float(np.max(np.abs(np.array(means, np.float64) - right) / right))


with pyBigWig.open("signal.bw") as file:
    quick = worst(file.stats("chr1", start, end, nBins=bins))
    exact = worst(file.stats("chr1", start, end, nBins=bins, exact=True))
with pybigtools.open("signal.bw") as file:
    quick_too = worst(file.values("chr1", start, end, bins=bins))
    exact_too = worst(file.values("chr1", start, end, bins=bins, exact=True))
print("pyBigWig", version("pyBigWig"), "pybigtools", version("pybigtools"))
print("expected: the mean of every 128 bp bin, within float32")
print(f"seen:     largest relative error pyBigWig {quick:.2f}, pybigtools {quick_too:.2f};",
      f"with exact=True {exact:.0e} and {exact_too:.0e}")
assert 0.5 < quick < 0.6 and 0.5 < quick_too < 0.6
assert max(exact, exact_too) < 1e-6
PY
