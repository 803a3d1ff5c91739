"""Run a program and measure it from outside. Linux only, for it reads /proc. Needs no package."""

import dataclasses
import os
import pathlib
import platform
import statistics
import subprocess
import threading
import time

POLL_SECONDS = 0.005
MEMORY_FIELDS = {"RssAnon:": "rss_anon", "VmRSS:": "rss"}


@dataclasses.dataclass
class Run:
    """One finished process. Memory in MB (10^6 bytes), the largest seen."""

    seconds: float
    rss_anon: float
    rss: float
    output: str


class Failed(RuntimeError):
    """The program ended with another code than 0."""


def _poll(pid: int, peaks: dict[str, float], done: threading.Event) -> None:
    status = pathlib.Path(f"/proc/{pid}/status")
    while not done.wait(POLL_SECONDS):
        try:
            lines = status.read_text().splitlines()
        except OSError:
            return
        for line in lines:
            field, *value = line.split()
            if field in MEMORY_FIELDS:
                name = MEMORY_FIELDS[field]
                peaks[name] = max(peaks[name], int(value[0]) * 1024 / 1e6)


def run(command: list[str], **environment: str) -> Run:
    """Runs to the end; wall time covers the process from start to exit.

    Anonymous memory is polled every 5 ms, total resident memory is the kernel's own peak.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    peaks, done = dict.fromkeys(MEMORY_FIELDS.values(), 0.0), threading.Event()
    poller = threading.Thread(target=_poll, args=(process.pid, peaks, done))
    poller.start()
    errors = []
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    reader.start()
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    done.set()
    poller.join()
    reader.join()
    if process.returncode:
        raise Failed(f"{' '.join(command)}: exit code {process.returncode}\n{errors[0]}{output}")
    peaks["rss"] = max(peaks["rss"], usage.ru_maxrss * 1024 / 1e6)
    return Run(seconds, peaks["rss_anon"], peaks["rss"], output)


def warm(folder: pathlib.Path) -> int:
    """Reads every file, so that all contestants find them in the page cache; returns the bytes."""
    total = 0
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while block := file.read(1 << 22):
                    total += len(block)
    return total


def machine() -> str:
    """One line on the machine."""
    names = [
        line.partition(":")[2].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    cores = len(os.sched_getaffinity(0))
    return f"{names[0] if names else platform.processor()}, {cores} cores, {platform.release()}"


def spread(values: list[float], digits: int = 2) -> str:
    """Median, and the range behind it."""
    return (
        f"{statistics.median(values):.{digits}f} "
        f"({min(values):.{digits}f} to {max(values):.{digits}f})"
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table with aligned columns."""
    lines = [header, ["-" * len(cell) for cell in header], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
        for line in lines
    )
