"""A made-up genome with genes, splice sites and variants, the same on every machine.

Both contestants of scores.py read it: 3 Mb of random bases, 40 genes of 20,000 bp
and six exons each from 1,000,000 on, and variants around 1,480,000.
"""

import pathlib
import random

CHROMOSOME = "chr1"
LENGTH = 3_000_000
FIRST_GENE, GENE, GENE_STEP, GENES = 1_000_000, 20_000, 24_000, 40
EXONS, EXON_STEP = 6, 3_400
# Introns start where exons end.
COLUMNS = {"starts": "Start", "ends": "End"}
FIRST_VARIANT, VARIANT_STEP = 1_480_000, 37


def genome(seed: int = 5) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=LENGTH))


def genes() -> list[dict]:
    """Each gene's name, strand, first base (from 0), end and exons."""
    found = []
    for index in range(GENES):
        start = FIRST_GENE + index * GENE_STEP
        exons = [start + exon * EXON_STEP for exon in range(EXONS)]
        exons = [(first, first + 300 + 17 * exon) for exon, first in enumerate(exons)]
        found.append(
            {"name": f"G{index}", "id": f"ENSG{index:011d}", "strand": "+-"[index % 2],
             "start": start, "end": start + GENE, "exons": exons}
        )
    return found


def variants(bases: str, count: int) -> list[tuple[int, str, str]]:
    """Substitutions, then as many insertions and deletions by turns: position from 1, REF, ALT."""
    found = []
    for index in range(2 * count):
        position = FIRST_VARIANT + VARIANT_STEP * index
        reference = bases[position - 1]
        other = "ACGT"[("ACGT".index(reference) + 1) % 4]
        if index < count:
            found.append((position, reference, other))
        elif index % 2:
            found.append((position, reference, reference + other * (1 + index % 5)))
        else:
            found.append((position, bases[position - 1 : position + 2 + index % 5], reference))
    return found


def write(folder: pathlib.Path, count: int) -> None:
    """Writes genome.fa, annotation.gtf, the tables of splice sites and variants.vcf."""
    folder.mkdir(parents=True, exist_ok=True)
    bases = genome()
    lines = [bases[at : at + 60] for at in range(0, LENGTH, 60)]
    (folder / "genome.fa").write_text(f">{CHROMOSOME}\n" + "\n".join(lines) + "\n")
    gtf, sites = [], {"starts": [], "ends": []}
    for gene in genes():
        names = f'gene_id "{gene["id"]}.1"; gene_type "protein_coding"; gene_name "{gene["name"]}"; level 2; tag "basic";'
        transcript = f'{names} transcript_id "{gene["id"].replace("ENSG", "ENST")}.1"; transcript_type "protein_coding";'

        def row(feature: str, start: int, end: int, text: str) -> str:
            return "\t".join([CHROMOSOME, "X", feature, str(start + 1), str(end), ".", gene["strand"], ".", text])

        gtf += [row("gene", gene["start"], gene["end"], names), row("transcript", gene["start"], gene["end"], transcript)]
        for number, (start, end) in enumerate(gene["exons"]):
            gtf.append(row("exon", start, end, f"{transcript} exon_number {number + 1};"))
            sites["starts"].append(f"{CHROMOSOME}\t{gene['strand']}\t{end}")
            sites["ends"].append(f"{CHROMOSOME}\t{gene['strand']}\t{start}")
    (folder / "annotation.gtf").write_text("\n".join(gtf) + "\n")
    for kind, rows in sites.items():
        (folder / f"splice_sites_{kind}.tsv").write_text("\n".join([f"Chromosome\tStrand\t{COLUMNS[kind]}", *rows]) + "\n")
    records = [f"{CHROMOSOME}\t{position}\t.\t{ref}\t{alt}\t.\t.\t." for position, ref, alt in variants(bases, count)]
    header = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    (folder / "variants.vcf").write_text("\n".join(header + records) + "\n")

