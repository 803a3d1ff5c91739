#!/usr/bin/env python3
"""What a pass costs by the length of its sequence, and by the share of it that is asked for at 1 bp.

  python cost.py --model DIR --parity target/release/parity --out docs/results/h200/cost [--device cuda]

Writes OUT.json and OUT.svg. Whole sequences give all outputs; parts give them on so many base pairs in the middle
(`parity bench --part`).
"""

import argparse
import json
import pathlib
import subprocess

LENGTHS = [4096, 16384, 65536, 131072, 262144, 524288, 1048576]
SHARES = [1 / 1024, 1 / 64, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1]
COLOURS = {"bf16": "#2b7bba", "tf32": "#c0582b"}
WIDTH, HEIGHT, TOP, BOTTOM = 290, 200, 34, 44


def measure(given: argparse.Namespace, arithmetic: str, lengths: list[int], part: int | None) -> tuple[str, list[dict]]:
    command = [given.parity, "bench", "--quiet", "--json", "--model", given.model, "--device", given.device]
    command += ["--arithmetic", arithmetic, "--length", ",".join(map(str, lengths))]
    command += ["--part", str(part)] if part else []
    document = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    keep = ("length", "median_ms", "least_ms", "most_ms", "device_bytes")
    return document["device"], [{key: one[key] for key in keep} for one in document["lengths"]]


def panel(left: int, title: str, label: str, lines: dict[str, list[tuple[float, float]]], shown) -> str:
    """A frame with lines from the origin, each a list of points."""
    points = [point for line in lines.values() for point in line]
    end, most = (max(point[axis] for point in points) for axis in (0, 1))
    x = lambda value: left + WIDTH * value / end
    y = lambda value: TOP + HEIGHT * (1 - value / (1.1 * most))
    parts = [
        f'<text x="{left}" y="{TOP - 14}">{title}</text>',
        f'<path d="M{left} {TOP}v{HEIGHT}h{WIDTH}" stroke="#888" fill="none"/>',
        f'<text x="{left + WIDTH / 2}" y="{TOP + HEIGHT + BOTTOM - 8}" text-anchor="middle">{label}</text>',
    ]
    for part in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<text x="{x(end * part):.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{shown(end * part)}</text>')
        parts.append(f'<text x="{left - 6}" y="{y(most * part) + 4:.1f}" text-anchor="end">{most * part:,.0f}</text>')
    for name, line in lines.items():
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in line)
        parts.append(f'<polyline points="{path}" stroke="{COLOURS[name]}" stroke-width="2" fill="none"/>')
        parts += [f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="3" fill="{COLOURS[name]}"/>' for at, value in line]
        at, value = line[-1]
        parts.append(f'<text x="{x(at) + 6:.1f}" y="{y(value) + 4:.1f}" fill="{COLOURS[name]}">{name}</text>')
    return "\n".join(parts)


def plot(found: dict) -> str:
    whole = {name: [(one["length"], one["median_ms"]) for one in own["whole"]] for name, own in found.items()}
    parts = {name: [(one["share"], one["median_ms"]) for one in own["parts"]] for name, own in found.items()}
    longest = max(LENGTHS)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 280" font-family="sans-serif" font-size="12" fill="#888">\n'
        + panel(50, "all outputs, milliseconds", "base pairs", whole, lambda value: f"{value / 1024:,.0f}k")
        + "\n"
        + panel(450, f"{longest:,} bp, milliseconds", "share asked for at 1 bp", parts, lambda value: f"{value:.2f}")
        + "\n</svg>\n"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--parity", required=True, help="the program")
    arguments.add_argument("--model", required=True, help="the folder that `convert` wrote")
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--out", type=pathlib.Path, required=True, help="a path without an ending")
    given = arguments.parse_args()
    found, longest = {}, max(LENGTHS)
    for name in COLOURS:
        parts = []
        for share in SHARES:
            part = round(longest * share)
            _, measured = measure(given, f"xla-gpu-{name}", [longest], part)
            parts += [{"share": share, "part": part, **one} for one in measured]
        device, whole = measure(given, f"xla-gpu-{name}", LENGTHS, None)
        found[name] = {"whole": whole, "parts": parts}
    document = {"device": device, "precisions": found}
    given.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
    given.out.with_suffix(".svg").write_text(plot(found))


if __name__ == "__main__":
    main()
