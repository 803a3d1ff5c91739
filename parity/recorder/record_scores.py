#!/usr/bin/env python3
"""Record the scores that AlphaGenome's own code gives variants, for `parity scores` to compare against.

  python record_scores.py --checkpoint SNAPSHOT --inputs DIR --out DIR --setting f32 --dtype float32

INPUTS holds genome.fa, annotation.gtf, splice_sites_starts.tsv, splice_sites_ends.tsv, polya_sites.tsv (plain or .gz) and
cases.tsv: case, organism, interval (chr1:0-based start-end:strand), chromosome, position (1-based), ref, alt. Needs
alphagenome_research 0.3.0; an older one records what it does, without stitching.
"""

import argparse
import gzip
import inspect
import json
import pathlib
import shutil
import tempfile
import time
import traceback

import reference  # noqa: F401  (finds the model code, with or without tensorflow)
import alphagenome_research
import jax
import jmp
import numpy as np
import pandas as pd
import pyfaidx
import pyranges
from alphagenome.data import genome
from alphagenome.models import dna_model as sdk, dna_output, variant_scorers
from alphagenome_research.model import dna_model

INPUTS = ("genome.fa", "annotation.gtf", "splice_sites_starts.tsv", "splice_sites_ends.tsv", "polya_sites.tsv", "cases.tsv")
ORGANISMS = {"human": sdk.Organism.HOMO_SAPIENS, "mouse": sdk.Organism.MUS_MUSCULUS}
TSV = dict(sep="\t", index=False, float_format="%.9g")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--checkpoint", required=True, type=pathlib.Path, help="Orbax snapshot folder")
    add("--inputs", required=True, type=pathlib.Path, help="genome, genes, sites and cases")
    add("--out", required=True, type=pathlib.Path, help="recording to write, or to add a setting to")
    add("--setting", required=True, help="name of what is recorded, such as f32")
    add("--dtype", choices=("float32", "bfloat16"), default="bfloat16",
        help="compute and output dtype; bfloat16 is how AlphaGenome ships (default)")
    add("--precision", default="default",
        help="jax_default_matmul_precision; float32 on a GPU is TF32 unless this is `highest`")
    add("--metadata", type=pathlib.Path, help="folder of track metadata (default: the package's)")
    add("--no-stitching", action="store_true", help="do not stitch indels")
    add("--case", action="append", default=[], help="only this case; may be repeated")
    return parser.parse_args()  # fmt: skip


def plain(inputs: pathlib.Path, to: pathlib.Path) -> None:
    """Copies the inputs, uncompressed."""
    to.mkdir(parents=True, exist_ok=True)
    for name in INPUTS:
        path, packed = inputs / name, inputs / f"{name}.gz"
        if path.exists():
            shutil.copyfile(path, to / name)
        else:
            (to / name).write_bytes(gzip.decompress(packed.read_bytes()))


def feathers(inputs: pathlib.Path, to: pathlib.Path) -> dict[str, str]:
    """The inputs in the formats that the model code reads."""
    pyfaidx.Faidx(str(inputs / "genome.fa"))  # which writes the index
    genes = pyranges.read_gtf(str(inputs / "annotation.gtf"), as_df=True)
    tables = {"gtf_feather_path": genes}
    for name, file in {
        "splice_site_starts_feather_path": "splice_sites_starts.tsv",
        "splice_site_ends_feather_path": "splice_sites_ends.tsv",
        "pas_feather_path": "polya_sites.tsv",
    }.items():
        if (inputs / file).exists():
            tables[name] = pd.read_csv(inputs / file, sep="\t")
    for name, table in tables.items():
        table.reset_index(drop=True).to_feather(to / name)
    return {name: str(to / name) for name in tables} | {"fasta_path": str(inputs / "genome.fa")}


def build(args: argparse.Namespace, paths: dict[str, str]):
    """The real model."""
    if args.dtype == "float32":
        policy = jmp.get_policy
        jmp.get_policy = lambda _: policy("params=float32,compute=float32,output=float32")
    jax.config.update("jax_default_matmul_precision", args.precision)
    # As the Kaggle and Hugging Face functions restore it, but on whatever device there is.
    metadata = reference.load_metadata(args.metadata)
    settings = {}
    for organism in reference.ORGANISMS:
        own = dict(paths)
        if organism != ORGANISMS["human"]:
            own.pop("pas_feather_path", None)
        settings[organism] = dna_model.OrganismSettings(metadata=metadata[organism], **own)
    more = {"device": jax.devices()[0]}  # named, or a CPU is refused
    if "enable_indel_stitching" in inspect.signature(dna_model.create).parameters:
        more["enable_indel_stitching"] = not args.no_stitching
    weights = reference.load_weights(args.checkpoint.resolve())
    restore, dna_model.ocp.StandardCheckpointer = dna_model.ocp.StandardCheckpointer, lambda: Given(weights)
    try:
        return dna_model.create(args.checkpoint, organism_settings=settings, **more)
    finally:
        dna_model.ocp.StandardCheckpointer = restore


class Given:
    """Weights that were restored already, whatever device wrote them."""

    def __init__(self, weights):
        self.restore = lambda *_, **__: weights


class Recording:
    """What is written."""

    def __init__(self):
        self.scores, self.rows, self.tracks, self.errors, self.sites = {}, [], {}, [], {}

    def keep(self, case: str, organism: str, scorer_id: str, scorer, scored) -> None:
        self.scores[f"{case}|{scorer_id}"] = np.asarray(scored.X, np.float32)
        if len(scored.obs.columns):
            rows = scored.obs.copy()
            rows.insert(0, "case", case)
            rows.insert(1, "scorer", scorer_id)
            rows.insert(2, "row", np.arange(len(rows)))
            self.rows.append(rows)
        tail = "|junction" if "Junction" in scorer.name else ""
        self.tracks.setdefault(f"{organism}|{scorer.requested_output.name}{tail}", scored.var)

    def fail(self, case: str, scorer_id: str, error: Exception) -> None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        message = " ".join(str(error).split())[:300]
        where = f"{pathlib.Path(frame.filename).name}:{frame.name}"
        self.errors.append((case, scorer_id, type(error).__name__, message, where))

    def write(self, folder: pathlib.Path, scorers, manifest: dict) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / "scores.npz", **self.scores)
        if self.sites:
            np.savez_compressed(folder / "splice_site_positions.npz", **self.sites)
        if self.rows:
            pd.concat(self.rows, ignore_index=True).to_csv(folder / "obs.tsv.gz", **TSV)
        columns = ["case", "scorer", "type", "message", "raised_in"]
        pd.DataFrame(self.errors, columns=columns).to_csv(folder / "errors.tsv", **TSV)
        tables = [table.assign(table=name, track=table.index) for name, table in self.tracks.items()]
        tracks = pd.concat(tables, ignore_index=True)
        first = ["table", "track"]
        tracks[first + [name for name in tracks if name not in first]].to_csv(folder / "var.tsv", **TSV)
        names = [(scorer_id, "recommended", scorer.name) for scorer_id, scorer in scorers]
        pd.DataFrame(names, columns=["scorer", "list", "name"]).to_csv(folder.parent / "scorers.tsv", **TSV)
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def capture_sites(sites: dict) -> None:
    """Keeps the splice sites that junctions are counted between, of the call that comes next, under the empty name."""
    upcast = dna_model._upcast_single_batch_predictions

    def keeping(predictions, **more):
        predictions = upcast(predictions, **more)
        junctions = predictions[0].get(dna_output.OutputType.SPLICE_JUNCTIONS)  # of REF; ALT's are the same
        if junctions is not None and "" not in sites:
            sites[""] = jax.device_get(junctions["splice_site_positions"]).astype(np.int32)
        return predictions

    dna_model._upcast_single_batch_predictions = keeping


def main() -> None:
    args = parse_arguments()
    own = args.out / "inputs"
    if args.inputs.resolve() != own.resolve():
        plain(args.inputs, own)
    cases = pd.read_csv(own / "cases.tsv", sep="\t", keep_default_na=False, dtype={"position": int})
    if args.case:
        cases = cases[cases.case.isin(args.case)]
    if cases.empty:
        raise SystemExit(f"{own / 'cases.tsv'}: no case is left")
    human = variant_scorers.get_recommended_scorers(ORGANISMS["human"].to_proto())
    scorers = [(f"r{index:02d}", scorer) for index, scorer in enumerate(human)]
    recording, started = Recording(), time.time()
    capture_sites(recording.sites)
    with tempfile.TemporaryDirectory() as folder:
        model = build(args, feathers(own, pathlib.Path(folder)))
        for row in cases.itertuples():
            organism = ORGANISMS[row.organism]
            interval = genome.Interval.from_str(row.interval)
            variant = genome.Variant(row.chromosome, int(row.position), row.ref, row.alt)
            supported = variant_scorers.get_recommended_scorers(organism.to_proto())
            group = [(name, scorer) for name, scorer in scorers if scorer in supported]
            recording.sites.pop("", None)
            score = lambda some: model.score_variant(interval, variant, some, organism=organism)
            try:
                found = list(zip(group, score([scorer for _, scorer in group])))
            except Exception as error:
                # One that fails fails all: the others are recorded one by one.
                recording.fail(row.case, "recommended (all)", error)
                found = []
                for name, scorer in group:
                    try:
                        found.append(((name, scorer), score([scorer])[0]))
                    except Exception as error:
                        recording.fail(row.case, name, error)
            for (name, scorer), scored in found:
                recording.keep(row.case, row.organism, name, scorer, scored)
            if (sites := recording.sites.pop("", None)) is not None:
                recording.sites[row.case] = sites.reshape(4, -1)
            print(row.case, len(found), f"{time.time() - started:.1f} s", flush=True)
    if not recording.scores:
        raise SystemExit(f"no case has a score: {recording.errors[0]}")
    recording.write(args.out / "scores" / args.setting, scorers, {
        "setting": args.setting,
        "alphagenome_research": alphagenome_research.__version__,
        "dtype": args.dtype,
        "precision": args.precision,
        "stitching": not args.no_stitching,
        "cases": list(cases.case),
        "device": jax.devices()[0].device_kind,
        "versions": {package.__name__: package.__version__ for package in (jax, np, pd)},
    })  # fmt: skip


if __name__ == "__main__":
    main()
