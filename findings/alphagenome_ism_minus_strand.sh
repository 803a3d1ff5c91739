#!/usr/bin/env bash
# In-silico mutagenesis on the minus strand: FastaExtractor and ism_variants together name reference bases that are not there.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check alphagenome==0.10.0 numpy==2.4.6 pandas==2.3.3
"$dir/venv/bin/python" - <<'PY'
import pathlib
import tempfile
from importlib.metadata import version

import pyfaidx
from alphagenome.data import genome
from alphagenome.interpretation import ism
from alphagenome.io import fasta

with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "genome.fa")
    path.write_text(">chr1\nAACCCGTTTT\n")
    pyfaidx.Faidx(str(path)).close()
    extractor = fasta.FastaExtractor(str(path))
    seen = {}
    for strand in "+-":
        interval = genome.Interval("chr1", 1, 6, strand)
        variants = ism.ism_variants(interval, extractor.extract(interval))
        seen[strand] = "".join(variant.reference_bases for variant in variants[::3])
        right = sum(extractor.extract(v.reference_interval) == v.reference_bases for v in variants)
        seen[strand] += f" ({right} of {len(variants)} variants name the genome's base)"
print("alphagenome", version("alphagenome"))
print("expected: ACCCG, the genome's bases, on both strands, or an error")
print("seen:     ", seen)
assert seen == {
    "+": "ACCCG (15 of 15 variants name the genome's base)",
    "-": "CGGGT (0 of 15 variants name the genome's base)",
}, seen
PY
