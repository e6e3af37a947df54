"""Runs the tests of nix/tests on Debian machines: evaluates, installs and boots the nodes, and runs the
script with the same API as NixOS's test driver."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import Machine
from network import Network

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SERVICE = "matrix-authentication-service"
# What is on the path of every unit of NixOS: coreutils, findutils, grep, sed, systemd.
ON_NIXOS = ["coreutils", "findutils", "grep", "sed", "systemd"]


def names() -> list[str]:
    """The names of all tests."""
    files = (ROOT / "nix/tests").glob("*.nix")
    return sorted(file.stem for file in files if file.stem != "default")


def evaluate(name: str, older_mas: bool = False) -> dict[str, Any]:
    """A test: its script and its nodes."""
    older = ["--argstr", "olderMas", "/opt/older-mas"] if older_mas else []
    evaluated = subprocess.run(
        ["nix-instantiate", "--eval", "--strict", "--json", "--read-write-mode"]
        + [HERE / "evaluate.nix", "--argstr", "name", name, *older],
        capture_output=True,
        text=True,
    )
    assert evaluated.returncode == 0, evaluated.stderr
    test: dict[str, Any] = json.loads(evaluated.stdout)
    return test


class Programs:
    """Files that are installed on every machine in addition to Debian's."""

    def __init__(self, built: Path, mas: Path, older_mas: Path | None) -> None:
        self.built = built
        self.mas = mas
        self.older_mas = older_mas

    def install(self, machine: Machine) -> None:
        for program in ("mas-service", "syn2mas"):
            machine.copy_from_host(str(self.built / program), f"/usr/local/bin/{program}")
        # NixOS's PostgreSQL is not Debian's cluster.
        (machine.root / "etc/postgresql/17/main/start.conf").write_text("manual\n")
        self._install_mas(machine, self.mas, "/opt/mas")
        if self.older_mas:
            self._install_mas(machine, self.older_mas, "/opt/older-mas")
        packages = machine.while_off("dpkg", "-L", *ON_NIXOS).splitlines()
        (machine.root / "opt/nixos/bin").mkdir(parents=True)
        for path in packages:
            if "/bin/" in path:
                link = machine.root / f"opt/nixos/bin/{os.path.basename(path)}"
                link.symlink_to(path)

    def _install_mas(self, machine: Machine, mas: Path, at: str) -> None:
        machine.copy_from_host(str(mas / "bin/mas-cli"), f"{at}/bin/mas-cli")
        machine.copy_from_host(str(mas / f"share/{SERVICE}"), f"{at}/share")
        if not (machine.root / at.lstrip("/") / "share/policy.wasm").exists():
            machine.copy_from_host(str(HERE / "policy.wat"), f"{at}/share/policy.wat")
            machine.while_off("wat2wasm", f"{at}/share/policy.wat", "-o", f"{at}/share/policy.wasm")


def put_generation(machine: Machine, name: str, generation: dict[str, Any]) -> None:
    """Installs a generation, and those that it can be switched to, on a machine's disk."""
    directory = machine.root / "system" / name
    (directory / "bin").mkdir(parents=True)
    (directory / "generation.json").write_text(json.dumps(generation))
    program = directory / "bin/switch-to-configuration"
    shutil.copy(HERE / "switch_to_configuration.py", program)
    program.chmod(0o755)
    (directory / "specialisation").mkdir()
    for other, special in generation["specialisations"].items():
        put_generation(machine, other, special)
        (directory / "specialisation" / other).symlink_to(f"/system/{other}")


def install(machine: Machine, node: dict[str, Any], programs: Programs) -> None:
    """Sets up a machine as defined by a node's modules."""
    programs.install(machine)
    put_generation(machine, "default", node)
    # The store is there only while the machine runs.
    store = machine.root / "nix/store"
    store.mkdir(parents=True)
    subprocess.run(["mount", "--bind", "/nix/store", store], check=True)
    try:
        machine.while_off("/system/default/bin/switch-to-configuration", "boot")
    finally:
        subprocess.run(["umount", store], check=True)


class Test:
    """A test with its machines, which are removed at its end."""

    def __init__(self, name: str, image: Path, programs: Programs, out: Path) -> None:
        self.name = name
        evaluated = evaluate(name, programs.older_mas is not None)
        self.script = evaluated["testScript"]
        self.nodes = evaluated["nodes"]
        self.image, self.programs, self.out = image, programs, out
        self.network = Network(f"mas2nix-{os.getpid()}-{name}")
        self.machines: list[Machine] = []

    def install(self) -> None:
        for node, description in self.nodes.items():
            namespace = self.network.add(node, description["addresses"])
            machine = Machine(self.image, node, namespace)
            machine.out_dir = self.out / self.name
            self.machines.append(machine)
            install(machine, description, self.programs)

    def start_all(self) -> None:
        for machine in self.machines:
            machine.start()

    @contextlib.contextmanager
    def subtest(self, name: str) -> Iterator[None]:
        """A part of the test, with its name and duration."""
        start = time.monotonic()
        yield
        print(f"  ok  {name} ({time.monotonic() - start:.1f} s)", flush=True)

    def symbols(self) -> dict[str, Any]:
        """The names that the script can use."""
        machines = {machine.name: machine for machine in self.machines}
        if len(self.machines) == 1:
            machines["machine"] = self.machines[0]
        return {
            **machines,
            "machines": self.machines,
            "start_all": self.start_all,
            "subtest": self.subtest,
        }

    def run(self) -> None:
        self.install()
        code = compile(self.script, f"{self.name}.py", "exec")
        exec(code, self.symbols())

    def remove(self) -> None:
        for machine in self.machines:
            machine.remove()
        self.network.remove()
