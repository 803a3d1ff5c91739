#!/usr/bin/env bash
# TrackData.reverse_complement refuses tracks that are all unstranded, and pairs strands by rank, not by name, where some match.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check alphagenome==0.10.0 numpy==2.4.6 pandas==2.3.3
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from alphagenome.data import track_data


def reverse_complement(names, strands):
    metadata = pd.DataFrame({"name": names, "strand": strands})
    try:
        turned = track_data.TrackData(np.zeros(len(names), np.float32), metadata).reverse_complement()
    except ValueError as error:
        return str(error)
    return (turned.metadata["name"] + turned.metadata["strand"]).tolist()


alone = reverse_complement(["A", "C"], ["+", "-"])
mixed = reverse_complement(["A", "B", "B", "C"], ["+", "+", "-", "-"])
unstranded = reverse_complement(["DNase", "CTCF"], [".", "."])
print("alphagenome", version("alphagenome"))
print("expected: unstranded tracks stay; A+ C- and A+ B+ B- C- are refused, for A has no minus strand and C no plus strand")
print("seen:     unstranded:", unstranded, "A+ C-:", alone, "A+ B+ B- C-:", mixed)
assert unstranded == alone == "Not all stranded tracks have both + and - strand."
assert mixed == ["B-", "C-", "A+", "B+"]  # A+ stands where B- stood, B+ where C- stood
PY
