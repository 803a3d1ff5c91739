#!/usr/bin/env python3
"""Record what the package alphagenome-pytorch computes, for `parity` to compare with JAX.

  convert --snapshot SNAPSHOT --metadata METADATA --for alphagenome-pytorch --out pytorch
  python record_pytorch.py --model pytorch --out DIR --case rand42:4096:0 --taps

README-pytorch.md beside this script says what to install and what a recording holds.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import sys

import numpy as np

import record
import sequences

PACKAGES = ("torch", "alphagenome-pytorch", "numpy", "safetensors")
# Classes of the package whose outputs are kept; they are called as in JAX.
TAPPED = (
    "DnaEmbedder", "DownResBlock", "UpResBlock", "PairUpdateBlock", "SequenceToPairBlock",
    "RowAttentionBlock", "PairMLPBlock", "AttentionBiasBlock", "MHABlock", "MLPBlock",
)  # fmt: skip
# Of these the channels come first.
CHANNELS_FIRST = ("DnaEmbedder", "DownResBlock", "UpResBlock")
BIAS_REPEATS = 16


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", required=True, type=pathlib.Path,
        help="folder that `convert --for alphagenome-pytorch` wrote")
    add("--weights", type=pathlib.Path,
        help="another state dict of the same names (.safetensors or .pth), to be recorded instead")
    add("--out", required=True, type=pathlib.Path, help="folder to write")
    add("--dtype", choices=("float32", "mixed"), default="float32",
        help="the package's policy: full float32 (default), or bfloat16 with float32 parameters")
    add("--device", default="cpu", help="cpu (default), cuda, cuda:1, ...")
    add("--precision", choices=("default", "highest"), default="default",
        help="highest: no TF32 on a GPU; PyTorch's default has it in convolutions")
    add("--threads", type=int, help="threads on a CPU")
    record.add_case_arguments(parser)
    return parser.parse_args()  # fmt: skip


def haiku_names(ledger: dict) -> dict[str, str]:
    """Returns the Haiku path of every module of the package, by the mapping that `convert` followed.

    A module stands for the innermost Haiku module that holds all its parameters.
    """
    paths: dict[str, list[list[str]]] = {}
    for tensor, entry in ledger["tensors"].items():
        # 0.alphagenome/embed.embeddings: the collection, the module, the parameter.
        sources = [source["name"].split(".")[1].split("/") for source in entry["sources"]]
        parts = tensor.split(".")
        for end in range(1, len(parts)):
            paths.setdefault(".".join(parts[:end]), []).extend(sources)
    return {
        module: "/".join(os.path.commonprefix(sources)) for module, sources in paths.items()
    }


class Taps:
    """Keeps outputs of modules during a pass, in the layout of JAX's."""

    def __init__(self, model, names: dict[str, str], taps: bool):
        self.kept = {}
        for path, module in model.named_modules():
            kind = type(module).__name__
            if taps and kind in TAPPED:
                module.register_forward_hook(self._block(f"taps/{names[path]}", kind))
            elif kind == "GenomeTracksHead":
                module.register_forward_hook(self._scaled(path.removeprefix("heads.")), with_kwargs=True)
        model.embedder_pair.register_forward_hook(self._block("embeddings_pair", "OutputPair"))
        model.splice_sites_junction_head.register_forward_hook(self._junctions)

    def _block(self, name: str, kind: str):
        def hook(_module, _arguments, output):
            if kind in CHANNELS_FIRST:
                output = output.transpose(1, 2)
            elif kind == "AttentionBiasBlock":
                output = output[:, :, ::BIAS_REPEATS, ::BIAS_REPEATS]
            # The next block may write into what it reads.
            self.kept[name] = output.detach().clone()

        return hook

    def _scaled(self, head: str):
        def hook(module, arguments, _keywords, _output):
            scaled = type(module).forward(module, *arguments, return_scaled=True)
            for resolution, values in scaled.items():
                self.kept[f"{head}/scaled_predictions_{resolution}bp"] = values

        return hook

    def _junctions(self, _module, _arguments, output):
        # The package casts positions and mask to the type of its outputs, which rounds positions in bfloat16.
        head = "splice_sites_junction"
        self.kept[f"{head}/splice_site_positions"] = output["splice_site_positions"].int()
        self.kept[f"{head}/splice_junction_mask"] = output["splice_junction_mask"]


def flatten(outputs: dict) -> dict:
    """Names the package's outputs as JAX's prediction tree does."""
    named = {name: outputs.pop(name) for name in ("embeddings_1bp", "embeddings_128bp")}
    named["contact_maps/predictions"] = outputs.pop("contact_maps")
    sites, usage = outputs.pop("splice_sites"), outputs.pop("splice_site_usage")
    named["splice_sites_classification/logits"] = sites["logits"]
    named["splice_sites_classification/predictions"] = sites["probs"]
    named["splice_sites_usage/logits"] = usage["logits"]
    named["splice_sites_usage/predictions"] = usage["predictions"]
    named["splice_sites_junction/predictions"] = outputs.pop("splice_junctions")["pred_counts"]
    for head, resolutions in outputs.items():
        for resolution, values in resolutions.items():
            named[f"{head}/predictions_{resolution}bp"] = values
    return named


def to_host(tensor):
    """Copies to numpy; bfloat16 becomes its bits as uint16."""
    import torch

    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.uint16).numpy()
    return tensor.numpy()


def describe(tensor) -> dict:
    """Returns the manifest's entry of one output, over its finite values."""
    entry = {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}
    if not tensor.is_floating_point():
        return entry | {"all_finite": True, "mean": None, "std": None}
    finite = tensor[tensor.isfinite()].double()
    moments = (finite.mean().item(), finite.std(correction=0).item()) if finite.numel() else (0.0, 0.0)
    return entry | {"all_finite": finite.numel() == tensor.numel(), "mean": moments[0], "std": moments[1]}


def load(args: argparse.Namespace):
    """Returns the package's model with the weights that were asked for, all of them."""
    import torch
    from alphagenome_pytorch import AlphaGenome
    from alphagenome_pytorch.config import DtypePolicy

    torch.manual_seed(0)
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.precision == "highest":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    policy = DtypePolicy.full_float32() if args.dtype == "float32" else DtypePolicy.mixed_precision()
    model = AlphaGenome(dtype_policy=policy)
    path = args.weights or args.model / "model.safetensors"
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        weights = load_file(path)
    else:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(weights, strict=True)
    return model.eval().to(args.device)


def run(model, taps: Taps, case: sequences.Case, device: str) -> dict:
    """Runs one case as the package's `predict` does, without its last cast to float32."""
    import torch

    taps.kept.clear()
    policy = model.dtype_policy
    mixed = policy.compute_dtype != torch.float32
    sequence = torch.from_numpy(sequences.one_hot(case.sequence)[None]).float().to(device)
    organism = torch.tensor([case.organism], device=device)
    kind = torch.device(device).type
    with torch.no_grad(), torch.autocast(kind, dtype=policy.compute_dtype, enabled=mixed):
        outputs = model(sequence, organism, return_embeddings=True)
    if kind == "cuda":
        torch.cuda.synchronize(device)
    return flatten(outputs) | taps.kept


def record_case(case: sequences.Case, model, taps: Taps, args: argparse.Namespace) -> dict:
    outputs, seconds = record.timed(lambda: run(model, taps, case, args.device), args.repeat)
    entries = {name: describe(tensor) for name, tensor in outputs.items()}
    arrays = {name: to_host(tensor) for name, tensor in outputs.items()}
    return record.write_case(case, arrays, entries, seconds, args)


def main() -> None:
    args = parse_arguments()
    conversion = args.model / "conversion.json"
    if not conversion.is_file():
        sys.exit(f"--model: {conversion} is missing: is it a folder that `convert` wrote?")
    ledger = json.loads(conversion.read_text())
    if ledger["spec"]["name"] != "alphagenome-pytorch":
        sys.exit(f"--model: {args.model} was converted for {ledger['spec']['name']}; "
                 "convert with --for alphagenome-pytorch")  # fmt: skip
    cases = record.checked_cases(args)
    try:
        import torch

        model = load(args)
    except ModuleNotFoundError as error:
        sys.exit(f"{error}: see README-pytorch.md for what to install")
    except (OSError, RuntimeError) as error:
        sys.exit(f"the weights cannot be loaded: {error}")
    taps = Taps(model, haiku_names(ledger), args.taps)
    cuda = torch.device(args.device).type == "cuda"
    manifest = {
        "format": record.FORMAT,
        "framework": "pytorch",
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "platform": "gpu" if cuda else "cpu",
        "device": torch.cuda.get_device_name(args.device) if cuda else "cpu",
        "compute_dtype": "float32" if args.dtype == "float32" else "bfloat16",
        "matmul_precision": args.precision,
        "checkpoint": (args.weights or args.model).resolve().name,
        "taps": args.taps,
        "budget": args.budget,
    }
    if args.weights is None:
        manifest["checkpoint_digest"] = record.source_digest(conversion)
    record.write_recording(
        manifest, cases, lambda case: record_case(case, model, taps, args), args.out
    )


if __name__ == "__main__":
    main()
