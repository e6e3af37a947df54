"""Writes the script of every test with the names that it sees, each with its type, as NixOS's test
driver does before it checks types."""

import sys
from pathlib import Path

from driver import evaluate, names

PRELUDE = """from collections.abc import Callable
from contextlib import AbstractContextManager

from machine import Machine

start_all: Callable[[], None]
subtest: Callable[[str], AbstractContextManager[None]]
machines: list[Machine]
"""


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name in names():
        test = evaluate(name)
        nodes = list(test["nodes"]) + (["machine"] if len(test["nodes"]) == 1 else [])
        declared = "".join(f"{node}: Machine\n" for node in dict.fromkeys(nodes))
        script = f"{PRELUDE}{declared}\n{test['testScript']}"
        (out / f"{name.replace('-', '_')}.py").write_text(script)


if __name__ == "__main__":
    main()
