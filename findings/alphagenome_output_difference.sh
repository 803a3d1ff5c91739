#!/usr/bin/env bash
# ALT - REF of two AlphaGenome outputs is no difference for splice junctions: they are those of ALT, whole.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check alphagenome==0.10.0 numpy==2.4.6 pandas==2.3.3
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from alphagenome.data import genome, junction_data, ontology, track_data
from alphagenome.models.v1 import dna_output

LIVER, LUNG = "UBERON:0002107", "UBERON:0002048"


def output(level):
    tissues = pd.DataFrame({"name": ["liver", "lung"], "strand": ".", "ontology_curie": [LIVER, LUNG]})
    junction = np.array([genome.Junction("chr1", 2, 6, "+")])
    return dna_output.Output(
        rna_seq=track_data.TrackData(np.full((8, 2), level, np.float32), tissues),
        splice_junctions=junction_data.JunctionData(junction, np.full((1, 2), level, np.float32), tissues),
    )


difference = output(5.0) - output(3.0)
seen = float(difference.rna_seq.values.max()), float(difference.splice_junctions.values.max())
liver = output(5.0).filter_ontology_terms([ontology.from_curie(LIVER)])
tracks = liver.rna_seq.num_tracks, liver.splice_junctions.num_tracks
print("alphagenome", version("alphagenome"))
print("expected: difference 2 and 2 (RNA-seq, junctions); 1 and 1 tracks left after filter_ontology_terms(liver)")
print("seen:     difference", seen, "- tracks left", tracks)
assert seen == (2.0, 5.0)
assert tracks == (1, 2)
PY
