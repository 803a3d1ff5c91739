#!/usr/bin/env bash
# tidy_scores: the genes of chrX's and chrY's shared regions become one gene, and variants cannot be grouped or saved.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check alphagenome==0.10.0 numpy==2.4.6 pandas==2.3.3 anndata==0.12.19 pyarrow==26.0.1
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import anndata
import numpy as np
import pandas as pd
from alphagenome.data import genome
from alphagenome.models.v1 import variant_scorers

scores = anndata.AnnData(
    X=np.array([[0.5], [-2.0]], np.float32),
    obs=pd.DataFrame(
        {"gene_id": ["ENSG00000182378.15", "ENSG00000182378.15_PAR_Y"], "gene_name": "PLCXD1", "strand": "+"},
        index=["0", "1"],
    ),
    var=pd.DataFrame({"name": ["RNA-seq"], "strand": ["+"]}, index=["0"]),
    uns={
        "variant": genome.Variant("chrX", 276_400, "A", "C"),
        "interval": genome.Interval("chrX", 270_000, 286_384),
        "variant_scorer": variant_scorers.RECOMMENDED_VARIANT_SCORERS["RNA_SEQ"],
    },
)
table = variant_scorers.tidy_scores([[scores]])
genes = table.gene_id.nunique()


def error(function, *arguments):
    try:
        function(*arguments)
    except Exception as raised:
        return type(raised).__name__
    return "works"


seen = {
    "groupby": error(lambda: table.groupby("variant_id").raw_score.mean()),
    "drop_duplicates": error(table.drop_duplicates),
    "merge": error(table.merge, table, "left", "variant_id"),
    "to_parquet": error(table.to_parquet, "scores.parquet"),
    "write_h5ad": error(scores.write_h5ad, "scores.h5ad"),
}
print("alphagenome", version("alphagenome"), "anndata", anndata.__version__, "pandas", pd.__version__)
print("expected: 2 genes; all of these work:", list(seen))
print("seen:    ", genes, "gene,", seen)
assert (len(table), genes) == (2, 1)
assert list(seen.values()) == ["TypeError"] * 3 + ["ArrowInvalid", "IORegistryError"], seen
PY
