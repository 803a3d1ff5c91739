#!/usr/bin/env bash
# MultiQC cleans the row names of custom content: what stands before the last "/" goes, and rows that then agree are one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check multiqc==1.31
cd "$dir"
cat > parity_mqc.json <<'JSON'
{"id": "parity", "section_name": "Parity", "plot_type": "table", "pconfig": {"id": "parity_table", "title": "Parity"},
 "data": {
   "human | rna_seq/predictions": {"distance": 0.25},
   "human | dnase/predictions": {"distance": 0.5},
   "mouse | atac/predictions": {"distance": 0.75},
   "model.sorted by length": {"distance": 1.5},
   "atac": {"distance": 2.5}}}
JSON
"$dir/venv/bin/multiqc" --quiet --outdir report . > log 2>&1 || { cat log >&2; exit 1; }
"$dir/venv/bin/python" - <<'PY'
import pathlib
from importlib.metadata import version

# A plain table: the rows that the report shows.
table = pathlib.Path("report/multiqc_data/multiqc_parity_table.txt").read_text().splitlines()
seen = dict(line.split("\t") for line in table[1:])
print("multiqc", version("multiqc"))
print("expected: 5 rows, named as in the file")
print("seen:    ", len(seen), "rows:", seen)
assert seen == {"predictions": "0.75", "model": "1.5", "atac": "2.5"}, seen
PY
