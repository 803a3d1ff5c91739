#!/usr/bin/env bash
# TranscriptExtractor gives every coding transcript a stop codon: where the annotation has none, the last whole codon.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check alphagenome==0.10.0 numpy==2.4.6 pandas==2.3.3
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

import pandas as pd
from alphagenome.data import genome, transcript

# A transcript whose CDS has no annotated end (GENCODE: tag cds_end_NF): 60 bases, no stop_codon line.
rows = [("transcript", 100, 200, "."), ("exon", 100, 200, "."), ("CDS", 140, 200, "0")]
gtf = pd.DataFrame(rows, columns=["Feature", "Start", "End", "Frame"]).assign(
    Chromosome="chr1", Strand="+", transcript_id="ENST1.1", gene_id="ENSG1.1"
)
extractor = transcript.TranscriptExtractor(gtf)
(found,) = extractor.extract(genome.Interval("chr1", 150, 160))
stop, cds = [str(i) for i in found.stop_codon], [str(i) for i in found.cds]
ends = len(extractor.extract(genome.Interval("chr1", 200, 300)))  # begins where the transcript ends
print("alphagenome", version("alphagenome"))
print("expected: no stop codon, CDS chr1:140-200:+; nothing in the interval that begins where the transcript ends")
print("seen:     stop codon", stop, "CDS", cds, "-", ends, "transcript in the interval beside it")
assert stop == ["chr1:197-200:+"] and cds == ["chr1:140-197:+"]
assert ends == 1
PY
