#!/usr/bin/env python3
"""Prints what compiling costs in time, and what evaluating the module costs in Nix's own counts.

Usage: benches/run.py, with cargo, nix-instantiate and <nixpkgs/lib> at hand.
"""

import json
import os
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent


def user_seconds(command: list[str]) -> float:
    """User time of a command, as the operating system accounts for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def compile_times(runs: int = 20) -> None:
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    tool = str(ROOT / "target/release/mas2nix")
    times = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as out:
            times.append(1000 * user_seconds([tool, "compile", "--out", out]))
    print(f"mas2nix compile, {runs} runs, ms of user time:", end=" ")
    print(f"min {min(times):.0f}, median {statistics.median(times):.0f}, max {max(times):.0f}\n")


def counts(declaration: str, size: str) -> tuple[int, int]:
    """Thunks and function calls of one evaluation."""
    command = ["nix-instantiate", "--eval", "--strict", "--json", str(HERE / "evaluation.nix")]
    command += ["--argstr", "declaration", declaration, "--argstr", "settings", str(HERE / f"{size}.json")]
    environment = {**os.environ, "NIX_SHOW_STATS": "1"}
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    stats = json.loads(run.stderr)
    return stats["nrThunks"], stats["nrFunctionCalls"]


def evaluation_counts() -> None:
    print(f"{'configuration':<14} {'declaration':<12} {'thunks':>8} {'ratio':>6} {'calls':>8} {'ratio':>6}")
    for size in ["small", "large"]:
        base = counts("freeform", size)
        for declaration in ["freeform", "settings", "rendered"]:
            thunks, calls = counts(declaration, size)
            ratios = thunks / base[0], calls / base[1]
            print(f"{size:<14} {declaration:<12} {thunks:>8} {ratios[0]:>6.2f} {calls:>8} {ratios[1]:>6.2f}")


if __name__ == "__main__":
    compile_times()
    evaluation_counts()
