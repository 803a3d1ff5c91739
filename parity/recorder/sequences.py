"""The sequences to record: made by a pattern, read from FASTA, or changed by a variant.

A sequence is uint8 [S]: 0 to 3 for A, C, G, T and 4 for everything else, whose
one-hot row is all zero.
"""

import dataclasses
import gzip
import pathlib
import re
from collections.abc import Callable

import numpy as np

LETTERS = "ACGT"
OTHER = 4
STEP = 2048
ORGANISMS = ("human", "mouse")
SUITE = (
    "rand42", "rand123", "rand456", "homoA", "homoC", "homoG", "homoT",
    "altAT", "altGC", "altACGT", "gc42", "at42", "half",
)  # fmt: skip
SUITE_LENGTH = 4096


class CaseError(ValueError):
    """A case that cannot be made; the text says why."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One sequence to run. `variant` is {"id", "allele"} where it is half of a pair."""

    name: str
    sequence: np.ndarray
    organism: int
    variant: dict[str, str] | None = None

    def __post_init__(self):
        length = len(self.sequence)
        if length == 0 or length % STEP:
            below = length // STEP * STEP
            raise CaseError(
                f"{self.name}: {length} bp is no multiple of {STEP}; the nearest are "
                f"{below or STEP} and {below + STEP}"
            )


def organism_index(text: str) -> int:
    """Returns the index of an organism that is given by name or by index."""
    names = [*ORGANISMS, *map(str, range(len(ORGANISMS)))]
    return names.index(text.lower()) % len(ORGANISMS)


def check_platform(cases: list[Case], platform: str) -> None:
    """Raises where XLA cannot run a case: on a CPU it refuses the products of one pair position."""
    short = [case.name for case in cases if len(case.sequence) == STEP]
    if platform == "cpu" and short:
        raise CaseError(
            f"{', '.join(short)}: {STEP} bp are one pair position, which XLA does not run on a CPU; "
            f"record {2 * STEP} bp or more, or on a GPU"
        )


def one_hot(sequence: np.ndarray) -> np.ndarray:
    """Returns float32 [S, 4]."""
    rows = np.zeros((OTHER + 1, 4), np.float32)
    rows[:4] = np.eye(4, dtype=np.float32)
    return rows[sequence]


def encode(text: str) -> np.ndarray:
    """Returns the sequence of a text; lower case counts, other letters are N."""
    codes = np.full(256, OTHER, np.uint8)
    for code, letter in enumerate(LETTERS):
        codes[ord(letter)] = codes[ord(letter.lower())] = code
    return codes[np.frombuffer(text.encode("latin-1"), np.uint8)]


def _random(length: int, seed: str) -> np.ndarray:
    return np.random.default_rng(int(seed)).integers(0, 4, size=length)


def _skewed(common: list[int], rare: list[int]) -> Callable[[int, str], np.ndarray]:
    def make(length: int, seed: str) -> np.ndarray:
        rng = np.random.default_rng(int(seed or 0))
        often = rng.random(length) < 0.8
        return np.where(often, rng.choice(common, length), rng.choice(rare, length))

    return make


def _with_unknown(length: int, seed: str) -> np.ndarray:
    sequence = _random(length, seed)
    sequence[length // 4 : length // 2] = OTHER
    return sequence


def _repeated(length: int, unit: str) -> np.ndarray:
    if not unit or set(unit) - set(LETTERS):
        raise ValueError(unit)
    return np.resize([LETTERS.index(letter) for letter in unit], length)


PATTERNS: dict[str, Callable[[int, str], np.ndarray]] = {
    "rand": _random,
    "nrun": _with_unknown,
    "homo": _repeated,
    "half": lambda length, _: np.repeat([0, 3], [length // 2, length - length // 2]),
    "alt": _repeated,
    "gc": _skewed([1, 2], [0, 3]),
    "at": _skewed([0, 3], [1, 2]),
}


def patterned(text: str) -> Case:
    """Parses PATTERN:LENGTH:ORGANISM, as `rand42:4096:0`."""
    try:
        pattern, length, organism = text.split(":")
        name = next(name for name in PATTERNS if pattern.startswith(name))
        sequence = PATTERNS[name](int(length), pattern[len(name) :])
        index = organism_index(organism)
    except (ValueError, StopIteration) as error:
        known = ", ".join(PATTERNS)
        raise CaseError(
            f"{text!r} is no PATTERN:LENGTH:ORGANISM; patterns: {known}; organisms: human, mouse, or 0, 1"
        ) from error
    return Case(f"{pattern}_{length}_{ORGANISMS[index]}", sequence.astype(np.uint8), index)


def suite() -> list[Case]:
    """The 13 patterns of the sequence suite for both organisms."""
    return [
        patterned(f"{pattern}:{SUITE_LENGTH}:{organism}")
        for pattern in SUITE
        for organism in range(len(ORGANISMS))
    ]


def from_fasta(path: pathlib.Path, organism: int) -> list[Case]:
    """Every record of a FASTA file, which may be packed by gzip or bgzip."""
    cases = []
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    text = "\n".join(data.decode("utf-8-sig").splitlines())
    for record in text.split(">")[1:]:
        header, _, body = record.partition("\n")
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", header.split()[0] if header.split() else "unnamed")
        sequence = encode("".join(body.split()))
        cases.append(Case(f"{name}_{len(sequence)}_{ORGANISMS[organism]}", sequence, organism))
    if not cases:
        raise CaseError(f"{path}: no FASTA record")
    return cases


def variant(text: str) -> list[Case]:
    """Parses PATTERN:LENGTH:ORGANISM@OFFSET:REF>ALT into a REF and an ALT case.

    OFFSET counts from 0; REF must be what stands there, or `.` for whatever does.
    """
    found = re.fullmatch(r"(.+)@(\d+):([ACGTN.])>([ACGTN])", text)
    if found is None:
        raise CaseError(f"{text!r} is no PATTERN:LENGTH:ORGANISM@OFFSET:REF>ALT")
    base, offset, alt = patterned(found[1]), int(found[2]), encode(found[4])[0]
    if offset >= len(base.sequence):
        raise CaseError(f"{text!r}: the sequence has {len(base.sequence)} letters")
    here = (LETTERS + "N")[base.sequence[offset]]
    if found[3] not in (here, "."):
        raise CaseError(f"{text!r}: {here} stands at {offset}, not {found[3]}")
    changed = base.sequence.copy()
    changed[offset] = alt
    name = f"{base.name}_{offset}{here}{found[4]}"
    return [
        Case(f"{name}_{allele}", sequence, base.organism, {"id": name, "allele": allele})
        for allele, sequence in (("ref", base.sequence), ("alt", changed))
    ]
