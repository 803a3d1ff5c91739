#!/usr/bin/env bash
# pyranges keeps only the last of the tags of a GTF line; AlphaGenome then says that a human GTF has no MANE Select transcript.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check alphagenome==0.10.0 pyranges==0.1.7 pandas==2.3.3 numpy==2.4.6
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import pyranges
from alphagenome.data import gene_annotation

TAGS = ["basic", "Ensembl_canonical", "MANE_Select", "CCDS"]  # GENCODE's order
attributes = 'gene_id "ENSG1.1"; transcript_id "ENST1.1"; ' + " ".join(f'tag "{tag}";' for tag in TAGS)
with open("genes.gtf", "w") as file:
    file.write(f"chr1\tHAVANA\ttranscript\t101\t400\t.\t+\t.\t{attributes}\n")


def select(**options):
    table = pyranges.read_gtf("genes.gtf", as_df=True, **options)
    try:
        return table.tag.tolist(), len(gene_annotation.filter_to_mane_select_transcript(table))
    except ValueError as error:
        return table.tag.tolist(), str(error).split(",")[0]


seen, asked = select(), select(duplicate_attr=True)
print("pyranges", version("pyranges"), "alphagenome", version("alphagenome"))
print("expected: 1 transcript")
print("seen:    ", seen, "- with duplicate_attr=True:", asked)
assert seen == (["CCDS"], "No MANE_Select transcripts found in the GTF"), seen
assert asked == (["basic,Ensembl_canonical,MANE_Select,CCDS"], 1), asked
PY
