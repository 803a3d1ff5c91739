"""Deterministic stand-in weights for AlphaGenome's parameter tree.

The published weights are gated, so tests and benchmarks use weights drawn from
a seed. Every leaf has a generator of its own, keyed by (seed, collection,
module, name): any single leaf can be made alone, and in any order. Moving
variances are not drawn; they were measured once by a calibration pass and are
read from an .npz, which keeps activations at the scale of a trained network.

The arithmetic below decides every bit of the checkpoint. Recordings refer to
it: do not change an operation, its order or its dtype.
"""

import hashlib
import json
import pathlib

import numpy as np

ADDITIVE = ("b", "bias", "offset", "q_r_bias", "k_r_bias")
MULTIPLICATIVE = ("scale", "residual_scale")


def read_spec(path: pathlib.Path) -> list[tuple[str, str, str, tuple[int, ...]]]:
    """Returns (collection, module, name, shape) of every leaf."""
    leaves = json.loads(path.read_text())
    return [(c, module, name, tuple(shape)) for c, module, name, shape, _ in leaves]


def leaf_generator(seed: int, collection: str, module: str, name: str) -> np.random.Generator:
    """Returns the generator of one leaf."""
    digest = hashlib.sha256(f"{seed}/{collection}/{module}/{name}".encode()).digest()
    key = int.from_bytes(digest[:16], "little")
    return np.random.Generator(np.random.Philox(key=key))


def draw_leaf(
    seed: int, collection: str, module: str, name: str, shape: tuple[int, ...]
) -> np.ndarray:
    """Draws one leaf, float32.

    Weights have a spread of 1 / sqrt(fan-in). Additive terms are small but never
    zero and multiplicative ones differ by channel, so that a term left out shows.
    Residual branches are kept smaller than the stream they join, as training
    makes them; with branches of full size, rounding noise would grow with depth.
    """
    normal = leaf_generator(seed, collection, module, name).standard_normal(
        size=shape, dtype=np.float32
    )
    if name in ADDITIVE:
        value = 0.1 * normal
    elif name in MULTIPLICATIVE:
        branch = "standardized_conv1_d" in module or module.endswith("rms_batch_norm_1")
        value = (0.4 if branch else 1.0) * (1.0 + 0.1 * normal)
    elif name == "learnt_scale":
        value = 0.5 * normal
    elif name == "embeddings":
        value = (0.1 if "splice" in module else 0.3) * normal
    elif name == "w" and "standardized_conv1_d" in module:
        value = 0.002 + 0.02 * normal
    elif name == "w":
        fan_in = int(np.prod(shape[:-1])) if "conv1_d" in module else shape[-2]
        value = normal / np.sqrt(fan_in)
    else:
        raise ValueError(f"no rule for {collection} {module} {name} {shape}")
    return np.asarray(value, np.float32)


def leaf_value(seed, leaf, variances) -> np.ndarray:
    """Returns the value of one leaf, drawn or, for state, measured."""
    collection, module, name, shape = leaf
    if collection == "state":
        return np.asarray(variances[f"{module}/{name}"], np.float32).reshape(shape)
    return draw_leaf(seed, collection, module, name, shape)


def build(seed: int, spec, variances) -> tuple[dict, dict]:
    """Returns (params, state), each {module: {name: array}} as Haiku has them."""
    trees = {"params": {}, "state": {}}
    for leaf in spec:
        collection, module, name, _ = leaf
        trees[collection].setdefault(module, {})[name] = leaf_value(seed, leaf, variances)
    return trees["params"], trees["state"]
