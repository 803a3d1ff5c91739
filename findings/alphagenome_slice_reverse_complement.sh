#!/usr/bin/env bash
# After TrackData.reverse_complement, slices by interval take the mirrored place, under the name of the one asked for.
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

values = np.arange(8, dtype=np.float32)[:, None].repeat(2, axis=1)  # position k holds the value k on both strands
track = track_data.TrackData(
    values, pd.DataFrame({"name": "RNA-seq", "strand": ["+", "-"]}), interval=genome.Interval("chr1", 0, 8, "+")
)
exon = genome.Interval("chr1", 1, 3)
forward = track.slice_by_interval(exon)
reverse = track.reverse_complement().slice_by_interval(exon)
print("alphagenome", version("alphagenome"))
print("expected: positions 1 and 2 from both, in reverse order from the second")
print("seen:     ", forward.values[:, 0].tolist(), "as", forward.interval, "and",
      reverse.values[:, 0].tolist(), "as", reverse.interval)
assert forward.values[:, 0].tolist() == [1.0, 2.0]
assert reverse.values[:, 0].tolist() == [6.0, 5.0] and str(reverse.interval) == "chr1:1-3:-"
PY
