"""AlphaGenome in JAX, as google-deepmind/alphagenome_research publishes it.

The model code is not part of this project: install it, or name the `src` folder
of a checkout in AG_SRC.
"""

import importlib.util
import os
import pathlib
import sys
import types

if "AG_SRC" in os.environ:
    sys.path.insert(0, os.environ["AG_SRC"])

NO_TENSORFLOW = importlib.util.find_spec("tensorflow") is None
if NO_TENSORFLOW:
    # The model code imports tensorflow for the dtypes of its training data. A forward pass needs
    # none of them, so names that lead nowhere spare a user that large package.
    placeholder = types.ModuleType("tensorflow")
    placeholder.__getattr__ = lambda name: name
    sys.modules["tensorflow"] = placeholder

import haiku as hk
import jax
import jax.numpy as jnp
import jmp
import numpy as np
import orbax.checkpoint as ocp
from alphagenome.models import dna_client, dna_model
from alphagenome.protos import dna_model_service_pb2
from alphagenome_research.model import attention, convolutions
from alphagenome_research.model import model as model_lib
from alphagenome_research.model.metadata import metadata as metadata_lib
from google.protobuf import text_format

if NO_TENSORFLOW:
    # Other packages look whether tensorflow is installed, and must not find this.
    del sys.modules["tensorflow"]

ORGANISMS = (dna_model.Organism.HOMO_SAPIENS, dna_model.Organism.MUS_MUSCULUS)
TAPPED = (
    convolutions.DnaEmbedder,
    convolutions.DownResBlock,
    convolutions.UpResBlock,
    attention.PairUpdateBlock,
    attention.SequenceToPairBlock,
    attention.RowAttentionBlock,
    attention.PairMLPBlock,
    attention.AttentionBiasBlock,
    attention.MHABlock,
    attention.MLPBlock,
)
BIAS_REPEATS = 16


def load_metadata(folder: pathlib.Path | None):
    """Track metadata of both organisms, from a folder or from the package itself."""
    if folder is None:
        return {organism: metadata_lib.load(organism) for organism in ORGANISMS}
    loaded = {}
    for organism in ORGANISMS:
        path = folder / f"OutputMetadataResponse_ORGANISM_{organism.name}.textproto"
        response = text_format.Parse(path.read_text(), dna_model_service_pb2.MetadataResponse())
        fields = vars(dna_client.construct_output_metadata(iter((response,))))
        loaded[organism] = metadata_lib.AlphaGenomeOutputMetadata(**fields)
    return loaded


def load_weights(checkpoint: pathlib.Path):
    """Restores (params, state) to the default device, whatever device wrote them."""
    with ocp.PyTreeCheckpointer() as checkpointer:
        tree = checkpointer.metadata(checkpoint).item_metadata.tree
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        restored = checkpointer.restore(checkpoint, restore_args=as_numpy)
    params, state = restored.values() if isinstance(restored, dict) else restored
    return jax.device_put((params, state))


def forward(compute_dtype: str, metadata, taps: bool):
    """Returns a jitted f(params, state, one_hot [B, S, 4], organism [B]) -> {output name: array}.

    `compute_dtype` bfloat16 is the policy that AlphaGenome ships with.
    """
    policy = jmp.get_policy(
        f"params=float32,compute={compute_dtype},output={compute_dtype}"
    )

    @hk.transform_with_state
    def model(sequence, organism):
        with hk.mixed_precision.push_policy(model_lib.AlphaGenome, policy):
            return model_lib.AlphaGenome(metadata)(sequence, organism)

    def apply(params, state, sequence, organism):
        tapped = {}

        def tap(next_method, args, kwargs, context):
            output = next_method(*args, **kwargs)
            if context.method_name == "__call__" and isinstance(context.module, TAPPED):
                if isinstance(context.module, attention.AttentionBiasBlock):
                    kept = output[:, :, ::BIAS_REPEATS, ::BIAS_REPEATS]
                else:
                    kept = output
                tapped[f"taps/{context.module.module_name}"] = kept
            return output

        if taps:
            with hk.intercept_methods(tap):
                (predictions, embeddings), _ = model.apply(params, state, None, sequence, organism)
        else:
            (predictions, embeddings), _ = model.apply(params, state, None, sequence, organism)
        return flatten(predictions, embeddings) | tapped

    return jax.jit(apply)


def flatten(predictions, embeddings) -> dict[str, jax.Array]:
    """Names every output as the prediction tree does: `rna_seq/predictions_1bp`."""
    outputs = {
        name: getattr(embeddings, name)
        for name in ("embeddings_1bp", "embeddings_128bp", "embeddings_pair")
    }
    for head, values in predictions.items():
        if head != "embeddings_1bp":
            outputs.update({f"{head}/{name}": value for name, value in values.items()})
    return outputs


@jax.jit
def moments(array):
    """Returns (all finite, mean, standard deviation) over the finite values, in float32."""
    finite = jnp.isfinite(array)
    count = jnp.maximum(finite.sum(), 1)
    values = jnp.where(finite, array, 0).astype(jnp.float32)
    mean = values.sum() / count
    spread = jnp.sqrt(jnp.where(finite, (values - mean) ** 2, 0).sum() / count)
    return finite.all(), mean, spread
