#!/usr/bin/env bash
# normalize_variant does not left-align an insertion at the right end of a repeat, where such insertions are written.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check alphagenome==0.10.0 numpy==2.4.6 pandas==2.3.3
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

from alphagenome.data import genome

SEQUENCE = "AAGTGCTCTCTGAAAA"  # CTCTCT between G at position 5 and GAAAA


class Genome:
    def extract(self, interval):
        return SEQUENCE[interval.start : interval.end]


def haplotype(variant):
    return SEQUENCE[: variant.start] + variant.alternate_bases + SEQUENCE[variant.end :]


# One more CT, written after the first, the second and the third.
written = [genome.Variant("chr1", position, "T", "TCT") for position in (7, 9, 11)]
seen = [str(genome.normalize_variant(variant, Genome())) for variant in written]
deletion = str(genome.normalize_variant(genome.Variant("chr1", 9, "TCT", "T"), Genome()))
print("alphagenome", version("alphagenome"))
print("expected: chr1:5:G>GCT three times, for they are one haplotype")
print("seen:     ", seen, "- the deletion of the last CT:", deletion)
assert len({haplotype(variant) for variant in written}) == 1
assert seen == ["chr1:5:G>GCT", "chr1:5:G>GCT", "chr1:11:T>TCT"]
assert deletion == "chr1:5:GCT>G"
PY
