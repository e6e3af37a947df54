"""Writes the script of every test after what NixOS's test driver puts before it to check its types."""

import sys
from pathlib import Path

from driver import HERE, evaluate, names

PROLOGUE = (HERE / "prologue.py").read_text()


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name in names():
        test = evaluate(name)
        nodes = list(test["nodes"]) + (["machine"] if len(test["nodes"]) == 1 else [])
        declared = "".join(f"{node}: QemuMachine\n" for node in dict.fromkeys(nodes))
        script = f"{PROLOGUE}\n\n{declared}\n{test['testScript']}"
        (out / f"{name.replace('-', '_')}.py").write_text(script)


if __name__ == "__main__":
    main()
