"""Which values of an output are kept.

The places depend on the shape and the budget alone, so recordings made with one
budget hold the same places and compare value by value.
"""

import numpy as np

SEED = 99


def _places(length: int, keep: int, rng: np.random.Generator) -> np.ndarray | None:
    """Returns ascending indices, or None where all are kept."""
    if keep >= length:
        return None
    return np.sort(rng.choice(length, size=keep, replace=False)).astype(np.int32)


def choose(shape: tuple[int, ...], budget: int) -> dict[int, np.ndarray]:
    """Returns {axis: indices kept}; axes that are kept whole are absent.

    [1, S, C] keeps `budget / C` positions, [1, P, P, C] the square root of that on
    both axes; anything else, and a budget of 0, keeps all.
    """
    rng = np.random.default_rng(SEED)
    if budget == 0:
        axes = {}
    elif len(shape) == 3:
        axes = {1: _places(shape[1], max(1, budget // shape[2]), rng)}
    elif len(shape) == 4:
        keep = max(1, int((budget // shape[3]) ** 0.5))
        axes = {1: _places(shape[1], keep, rng), 2: _places(shape[2], keep, rng)}
    else:
        axes = {}
    if all(indices is None for indices in axes.values()):
        return {}
    # Where one axis of a pair is sampled, both are listed.
    return {
        axis: np.arange(shape[axis], dtype=np.int32) if indices is None else indices
        for axis, indices in axes.items()
    }


def stored(array) -> np.ndarray:
    """Copies to the host; bfloat16 becomes its bits as uint16, for numpy has no such type."""
    host = np.asarray(array)
    return host.view(np.uint16) if str(array.dtype) == "bfloat16" else host


def sampled(name: str, array, budget: int) -> dict[str, np.ndarray]:
    """Returns the archive's members for one output of JAX or numpy; only kept values leave the device."""
    axes = choose(array.shape, budget)
    for axis, indices in axes.items():
        array = array.take(indices, axis=axis)
    members = {name: stored(array)}
    members.update({f"{name}@axis{axis}": indices for axis, indices in axes.items()})
    return members
