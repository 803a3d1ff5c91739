#!/usr/bin/env python3
"""Time `score_variant` of AlphaGenome's own code, on the inputs of score_inputs.py.

  AG_SRC=<checkout>/src python jax_scores.py --checkpoint SNAPSHOT --inputs DIR --length 131072 [--dtype bfloat16]

Prints one line of JSON: milliseconds of each variant, by kind of variant and scorers.
Compiling is not in the times: the first variants of a kind do that and are left out.
Needs what parity/recorder/record_scores.py needs.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time

RECORDER = pathlib.Path(__file__).resolve().parents[2] / "parity" / "recorder"
sys.path.insert(0, str(RECORDER))

WARM = 2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", required=True, type=pathlib.Path)
    parser.add_argument("--inputs", required=True, type=pathlib.Path)
    parser.add_argument("--metadata", type=pathlib.Path)
    parser.add_argument("--length", type=int, required=True, help="base pairs")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--precision", default="default", help="jax_default_matmul_precision")
    parser.add_argument("--most", type=int, default=20, help="timed variants of a kind")
    args = parser.parse_args()
    args.no_stitching = False

    import jax
    import record_scores
    from alphagenome.data import genome
    from alphagenome.models import dna_model as sdk, variant_scorers

    with tempfile.TemporaryDirectory() as scratch:
        paths = record_scores.feathers(args.inputs.resolve(), pathlib.Path(scratch))
        model = record_scores.build(args, paths)
    human = sdk.Organism.HOMO_SAPIENS
    bases = variant_scorers.BaseVariantScorer
    recommended = variant_scorers.get_recommended_scorers(human.to_proto())
    recommended = [scorer for scorer in recommended if scorer.base_variant_scorer != bases.PA_QTL]
    masks = [scorer for scorer in recommended if scorer.base_variant_scorer == bases.CENTER_MASK]
    kinds = {"substitutions": [], "indels": []}
    for line in (args.inputs / "variants.vcf").read_text().splitlines():
        if not line.startswith("#"):
            chromosome, position, _, reference, alternate = line.split("\t")[:5]
            variant = genome.Variant(chromosome, int(position), reference, alternate)
            kinds["substitutions" if len(reference) == len(alternate) else "indels"].append(variant)
    report = {"framework": f"JAX {jax.__version__}", "device": jax.devices()[0].device_kind, "length": args.length,
              "dtype": args.dtype, "precision": args.precision, "work": []}
    for kind, name, scorers in (("substitutions", "recommended", recommended), ("substitutions", "centre masks", masks),
                                ("indels", "recommended", recommended)):
        times = []
        for variant in kinds[kind][: args.most + WARM]:
            interval = variant.reference_interval.resize(args.length)
            started = time.perf_counter()
            model.score_variant(interval, variant, scorers, organism=human)
            times.append(1e3 * (time.perf_counter() - started))
        report["work"].append({"variants": kind, "scorers": name, "scorer_count": len(scorers), "milliseconds": times[WARM:]})
    stats = jax.devices()[0].memory_stats() or {}
    report["device_bytes"] = stats.get("peak_bytes_in_use")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
