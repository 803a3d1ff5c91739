#!/usr/bin/env bash
# cyvcf2 calls a variant that replaces two bases by two an indel, an insertion at that.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check cyvcf2==0.35.0 numpy==2.4.6
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import cyvcf2

RECORDS = {"A>C": (10, "A", "C"), "AC>GT": (20, "AC", "GT"), "A>*": (30, "A", "*"), "A>C,*": (40, "A", "C,*")}
with open("calls.vcf", "w") as file:
    file.write("##fileformat=VCFv4.3\n##contig=<ID=chr1,length=1000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    file.writelines(f"chr1\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n" for pos, ref, alt in RECORDS.values())
seen = {
    name: (call.is_snp, call.is_mnp, call.is_indel, call.var_subtype)
    for name, call in zip(RECORDS, cyvcf2.VCF("calls.vcf"))
}
print("cyvcf2", cyvcf2.__version__, "(is_snp, is_mnp, is_indel, subtype)")
print("expected: AC>GT is an MNP and no indel; A>C is an SNP also where '*' (a deletion that spans it) stands beside C")
print("seen:    ", seen)
assert seen["A>C"][:3] == (True, False, False)
assert seen["AC>GT"] == (False, True, True, "ins")
assert seen["A>*"][:3] == seen["A>C,*"][:3] == (False, False, False)
PY
