#!/usr/bin/env bash
# Slicing 128 bp tracks off their grid moves the values: bins from the one below, an interval that says otherwise.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check alphagenome==0.10.0 numpy==2.4.6 pandas==2.3.3
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from alphagenome.data import genome, track_data

bins = np.arange(8, dtype=np.float32)[:, None]  # bin k holds the value k
track = track_data.TrackData(
    bins, pd.DataFrame({"name": ["CTCF"], "strand": "."}), resolution=128, interval=genome.Interval("chr1", 0, 1024)
)
peak = genome.Interval("chr1", 255, 511)  # one base of bin 1, bin 2, all but one base of bin 3
seen = track.slice_by_interval(peak)
matched = track.slice_by_interval(peak, match_resolution=True)
print("alphagenome", version("alphagenome"))
print("expected: an error, or bins 1 to 3 with the interval chr1:128-512")
print("seen:     bins", seen.values[:, 0].tolist(), "as", seen.interval, "- match_resolution:",
      matched.values[:, 0].tolist(), "as", matched.interval)
assert seen.values[:, 0].tolist() == [1.0, 2.0]  # positions 128 to 383, named 255 to 510: bin 3 is lost
assert str(seen.interval) == "chr1:255-511:."
assert matched.values[:, 0].tolist() == [1.0, 2.0, 3.0] and str(matched.interval) == "chr1:128-512:."
PY
