#!/usr/bin/env bash
# A window over a chromosome's edge: pyfaidx returns nothing at the left one, pysam raises there, and both come short at the right one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pyfaidx==0.9.2.2 pysam==0.24.1
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

import pyfaidx
import pysam

with open("genome.fa", "w") as file:
    file.write(">chr1\nACGTACGTAC\n")
faidx, sam = pyfaidx.Fasta("genome.fa"), pysam.FastaFile("genome.fa")


def read(function):
    try:
        return function()
    except ValueError as error:
        return f"ValueError: {error}"


seen = {
    "pyfaidx": (read(lambda: str(faidx["chr1"][-4:4])), read(lambda: str(faidx["chr1"][6:14]))),
    "pysam": (read(lambda: sam.fetch("chr1", -4, 4)), read(lambda: sam.fetch("chr1", 6, 14))),
}
print("pyfaidx", version("pyfaidx"), "pysam", version("pysam"))
print("expected: 8 bases (NNNNACGT and GTACNNNN) or an error, at both edges")
print("seen:    ", seen)
assert seen == {"pyfaidx": ("", "GTAC"), "pysam": ("ValueError: start out of range (-4)", "GTAC")}, seen
PY
