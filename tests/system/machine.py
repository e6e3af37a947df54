"""A machine to test on: Debian in a systemd-nspawn container, driven like a machine of NixOS's test
driver (https://nixos.org/manual/nixos/stable/#ssec-machine-objects)."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path


class Machine:
    """A container with a root file system of its own: what it writes is gone with it."""

    def __init__(self, image: Path) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mas2nix-"))
        self.root = self.directory / "root"
        for name in ("root", "upper", "work"):
            (self.directory / name).mkdir()
        layers = f"lowerdir={image},upperdir={self.directory}/upper,workdir={self.directory}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root], check=True)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Boots."""
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--machine=mas2nix-test"]
            + ["--boot", "--register=no", "--keep-unit", "--private-network"],
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL,
            stdout=(self.directory / "console").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.wait_until_succeeds("systemctl show-environment", 60)

    def _init(self) -> int:
        """The process that is the container's first."""
        assert self.process, "the machine is not started"
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def execute(self, command: str, timeout: float = 300) -> tuple[int, str]:
        """The exit code of a shell command, and what it wrote to both outputs."""
        try:
            enter = ["nsenter", f"--target={self._init()}", "--all", "--"]
        except (IndexError, FileNotFoundError):
            return 255, "the machine is not there"
        environment = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        done = subprocess.run(
            [*enter, *environment, "HOME=/root", "LANG=C.UTF-8", "bash", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
        return done.returncode, done.stdout.decode(errors="replace")

    def succeed(self, command: str, timeout: float = 300) -> str:
        """What a command that has to succeed writes."""
        code, output = self.execute(command, timeout)
        assert code == 0, f"`{command}` failed with {code}:\n{output}"
        return output

    def fail(self, command: str, timeout: float = 300) -> str:
        """What a command that has to fail writes."""
        code, output = self.execute(command, timeout)
        assert code != 0, f"`{command}` succeeded:\n{output}"
        return output

    def wait_until_succeeds(self, command: str, timeout: float = 60) -> str:
        """What a command writes once it succeeds."""
        deadline = time.monotonic() + timeout
        while True:
            code, output = self.execute(command)
            if code == 0:
                return output
            assert time.monotonic() < deadline, f"`{command}` still fails with {code}:\n{output}"
            time.sleep(0.2)

    def wait_for_unit(self, unit: str, timeout: float = 60) -> None:
        """Waits until a unit is active; fails at once if it has failed."""
        deadline = time.monotonic() + timeout
        while True:
            state = self.execute(f"systemctl is-active {shlex.quote(unit)}")[1].strip()
            if state == "active":
                return
            if state == "failed" or time.monotonic() > deadline:
                journal = self.journal(unit)
                raise AssertionError(f"{unit} is {state}:\n{journal}")
            time.sleep(0.2)

    def wait_for_open_port(self, port: int, address: str = "127.0.0.1", timeout: float = 60) -> None:
        """Waits until something listens on a TCP port."""
        self.wait_until_succeeds(f"</dev/tcp/{address}/{port}", timeout)

    def journal(self, unit: str) -> str:
        """What a unit said since the machine booted."""
        return self.execute(f"journalctl --no-pager --boot --output=cat --unit={shlex.quote(unit)}")[1]

    def systemctl(self, arguments: str) -> tuple[int, str]:
        """Runs `systemctl`."""
        return self.execute(f"systemctl {arguments}")

    def copy_from_host(self, source: Path, target: str) -> None:
        """Copies a file or a directory into the machine, running or not."""
        path = self.root / target.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, path, dirs_exist_ok=True, symlinks=True)
        else:
            shutil.copy(source, path)

    def shutdown(self) -> None:
        """Shuts down in order."""
        self.execute("systemctl poweroff")
        assert self.process
        self.process.wait(timeout=90)

    def crash(self) -> None:
        """Ends at once, as if power were lost."""
        assert self.process
        os.kill(self._init(), signal.SIGKILL)
        self.process.wait(timeout=30)

    def remove(self) -> None:
        """Ends, and leaves nothing behind."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(Exception):
                self.crash()
        subprocess.run(["umount", "--lazy", self.root], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
