"""Does `parity smoke` take time in proportion to its sequences, and the same memory for all of them?

Runs it over random sequences of 2,048 bp, and every two seconds notes sequences, seconds, CPU seconds and resident memory. Writes them
as TSV and as a plot. Ends with 1 where the last quarter takes a quarter more CPU time than the first (what else runs on the machine
changes it by a tenth), or memory grows by a tenth.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

LENGTH = 2048
COLUMNS = ["sequences", "seconds", "cpu_seconds", "rss_mib"]


def write_sequences(path: Path, count: int) -> None:
    draw = random.Random(1)
    with path.open("w") as fasta:
        for number in range(count):
            fasta.write(f">s{number}\n{''.join(draw.choices('ACGT', k=LENGTH))}\n")


def sample(command: list[str]) -> list[list[float]]:
    """Rows of COLUMNS."""
    begin, begun, rows = time.monotonic(), 0, []
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def count() -> None:
        nonlocal begun
        # With -v every sequence is named when it begins.
        for line in run.stderr:
            begun += line.startswith("parity: s")

    counter = threading.Thread(target=count)
    counter.start()
    while run.poll() is None:
        time.sleep(2)
        try:
            fields = Path(f"/proc/{run.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            break
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        rss = int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        # Before the first sequence the model is read, and a process that is over has no memory.
        if begun and rss:
            rows.append([begun, round(time.monotonic() - begin, 1), cpu, round(rss, 1)])
    counter.join()
    if run.wait():
        sys.exit(f"parity smoke ended with {run.returncode}")
    return rows


def panel(rows: list[list[float]], left: int, title: str, column: int) -> str:
    """A frame with a column over sequences."""
    width, height, top, bottom = 300, 180, 30, 40
    most = max(row[column] for row in rows) * 1.1
    end = rows[-1][0]
    x = lambda value: left + width * value / end
    y = lambda value: top + height * (1 - value / most)
    parts = [
        f'<text x="{left - 30}" y="{top - 12}">{title}</text>',
        f'<path d="M{left} {top}v{height}h{width}" stroke="#888" fill="none"/>',
        f'<text x="{left + width / 2}" y="{top + height + bottom - 6}" text-anchor="middle">sequences</text>',
    ]
    for part in (0, 0.5, 1):
        at = end * part
        parts.append(f'<text x="{x(at):.1f}" y="{top + height + 16}" text-anchor="middle">{at:,.0f}</text>')
        parts.append(f'<text x="{left - 6}" y="{y(most * part) + 4:.1f}" text-anchor="end">{most * part:,.0f}</text>')
    points = " ".join(f"{x(row[0]):.1f},{y(row[column]):.1f}" for row in rows)
    parts.append(f'<polyline points="{points}" stroke="#2b7bba" stroke-width="2" fill="none"/>')
    return "\n".join(parts)


def plot(rows: list[list[float]]) -> str:
    time_panel = panel(rows, 50, "CPU seconds", 2)
    memory_panel = panel(rows, 430, "resident memory, MiB", 3)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 255" font-family="sans-serif" font-size="12" fill="#888">\n'
        f"{time_panel}\n{memory_panel}\n</svg>\n"
    )


def rate(rows: list[list[float]]) -> float:
    """CPU milliseconds a sequence."""
    return 1000 * (rows[-1][2] - rows[0][2]) / (rows[-1][0] - rows[0][0])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--parity", required=True, help="the program")
    arguments.add_argument("--model", required=True, help="the folder that `convert` wrote")
    arguments.add_argument("--n", type=int, default=10_000, help="sequences")
    arguments.add_argument("--out", type=Path, required=True, help="a path without an ending: .tsv and .svg are written")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fasta = Path(folder) / "sequences.fa"
        write_sequences(fasta, given.n)
        command = [given.parity, "smoke", "-v", "--model", given.model, "--sequences", str(fasta), "--n", str(given.n)]
        rows = sample(command)
    lines = ["\t".join(COLUMNS), *("\t".join(map(str, row)) for row in rows)]
    given.out.with_suffix(".tsv").write_text("\n".join(lines) + "\n")
    given.out.with_suffix(".svg").write_text(plot(rows))
    quarters = [rate([row for row in rows if given.n * at / 4 < row[0] <= given.n * (at + 1) / 4]) for at in range(4)]
    first, last = quarters[0], quarters[-1]
    memory = [row[3] for row in rows]
    print(f"CPU time of a sequence in each quarter: {', '.join(f'{one:.1f}' for one in quarters)} ms")
    print(f"resident memory: {min(memory):.1f} to {max(memory):.1f} MiB")
    if last > 1.25 * first or max(memory) > 1.1 * min(memory):
        sys.exit("not linear in time, or not flat in memory")


if __name__ == "__main__":
    main()
