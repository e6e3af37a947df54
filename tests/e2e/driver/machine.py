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
from collections.abc import Callable
from pathlib import Path

# In seconds. Virtual machines may take longer; here, nothing that succeeds does.
PATIENCE = 120
# Where the kernel's cgroups that systemd uses may be mounted: on their own, or beside the older ones.
CGROUPS = ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Nothing of this host's, such as the name of a directory that a machine does not have.
ENVIRONMENT = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8"]


class Machine:
    """A container with its own root file system, which is removed with it."""

    def __init__(self, image: Path, name: str = "machine", namespace: str | None = None) -> None:
        self.name = name
        self.namespace = namespace
        self.out_dir = Path.cwd()
        self.directory = Path(tempfile.mkdtemp(prefix="mas2nix-"))
        self.root = self.directory / "root"
        for part in ("root", "upper", "work"):
            (self.directory / part).mkdir()
        layers = f"lowerdir={image},upperdir={self.directory}/upper,workdir={self.directory}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root], check=True)
        self.process: subprocess.Popen[bytes] | None = None
        # What the last command wrote to its standard error, which is not part of what it gives.
        self.errors = ""

    def start(self) -> None:
        """Boots, unless it is running."""
        if self.is_up():
            return
        network = ["--private-network"]
        if self.namespace:
            network = [f"--network-namespace-path=/run/netns/{self.namespace}"]
        store = ["--bind-ro=/nix/store"] if Path("/nix/store").exists() else []
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", f"--directory={self.root}", f"--machine={self.name}"]
            + ["--boot", "--register=no", "--keep-unit", *network, *store],
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL,
            stdout=(self.directory / "console").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=self._enter_cgroup,
        )
        self.wait_until_succeeds("systemctl show-environment", 60)

    def _cgroups(self) -> list[Path]:
        there = [Path(cgroups) for cgroups in CGROUPS if Path(cgroups, "cgroup.procs").exists()]
        return [cgroups / self.directory.name for cgroups in there]

    def _enter_cgroup(self) -> None:
        """Gives the container a cgroup of its own. In one that they share, one systemd removes what
        another has made."""
        for cgroup in self._cgroups():
            with contextlib.suppress(OSError):
                cgroup.mkdir(exist_ok=True)
                (cgroup / "cgroup.procs").write_text(str(os.getpid()))

    def _remove_cgroup(self) -> None:
        for cgroup in self._cgroups():
            for directory, _, _ in os.walk(cgroup, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)

    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _init(self) -> int:
        """The first process of the container."""
        assert self.process, f"{self.name} is not started"
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def _inside(self, *command: str) -> list[str]:
        """A command that runs on the machine."""
        return ["nsenter", f"--target={self._init()}", "--all", "--", *ENVIRONMENT, *command]

    def while_off(self, *command: str) -> str:
        """Runs a command on the root file system of the machine while it is off. Returns what it prints."""
        entered = ["chroot", str(self.root), *ENVIRONMENT, *command]
        done = subprocess.run(entered, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def execute(
        self,
        command: str,
        check_return: bool = True,
        check_output: bool = True,
        timeout: int | None = 900,
    ) -> tuple[int, str]:
        """The exit code of a shell command, and what it wrote to its standard output."""
        try:
            inside = self._inside("bash", "-c", f"set -euo pipefail; {command}")
        except (IndexError, FileNotFoundError):
            return 255, f"{self.name} is not there"
        with tempfile.TemporaryFile() as errors:
            done = subprocess.run(
                inside,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                timeout=min(timeout or PATIENCE, PATIENCE),
            )
            errors.seek(0)
            self.errors = errors.read().decode(errors="replace")
        return done.returncode, done.stdout.decode(errors="replace")

    def succeed(self, *commands: str, timeout: int | None = None) -> str:
        """The output of commands, which must succeed."""
        outputs = ""
        for command in commands:
            code, output = self.execute(command, timeout=timeout)
            details = f"{output}{self.errors}"
            assert code == 0, f"{self.name}: `{command}` failed with {code}:\n{details}"
            outputs += output
        return outputs

    def fail(self, *commands: str, timeout: int | None = None) -> str:
        """The output of commands, which must fail."""
        outputs = ""
        for command in commands:
            code, output = self.execute(command, timeout=timeout)
            assert code != 0, f"{self.name}: `{command}` succeeded:\n{output}"
            outputs += output
        return outputs

    def _retry(self, done: Callable[[], str | None], timeout: float) -> None:
        """Checks repeatedly, until there is no error."""
        deadline = time.monotonic() + min(timeout, PATIENCE)
        while complaint := done():
            assert time.monotonic() < deadline, f"{self.name}: {complaint}"
            time.sleep(0.2)

    def wait_until_succeeds(self, command: str, timeout: int = 900) -> str:
        """Waits until a command succeeds; returns its output."""
        output = ""

        def complaint() -> str | None:
            nonlocal output
            code, output = self.execute(command, timeout=timeout)
            details = f"{output}{self.errors}" if code else ""
            return f"`{command}` still fails with {code}:\n{details}" if code else None

        self._retry(complaint, timeout)
        return output

    def wait_until_fails(self, command: str, timeout: int = 900) -> str:
        """Waits until a command fails; returns its output."""
        return self.wait_until_succeeds(f"! {{ {command}; }}", timeout)

    def wait_for_unit(self, unit: str, user: str | None = None, timeout: int = 900) -> None:
        """Waits until a unit is active; fails at once if it has failed, or nothing will start it."""

        def complaint() -> str | None:
            state = self.get_unit_property(unit, "ActiveState")
            jobs = self.systemctl("list-jobs --full")[1] if state == "inactive" else ""
            stays = "No jobs" in jobs and self.get_unit_property(unit, "ActiveState") == "inactive"
            if state == "failed" or stays:
                raise AssertionError(f"{self.name}: {unit} is {state}:\n{self._journal(unit)}")
            return None if state == "active" else f"{unit} is {state}:\n{self._journal(unit)}"

        self._retry(complaint, timeout)

    def get_unit_property(self, unit: str, property: str, user: str | None = None) -> str:
        """One property of a unit, as `systemctl show` prints it."""
        command = f"systemctl show {shlex.quote(unit)} --property={property} --value"
        return self.succeed(command).strip()

    def _journal(self, unit: str) -> str:
        command = f"journalctl --no-pager --boot --output=cat --unit={shlex.quote(unit)}"
        return "\n".join(self.execute(command)[1].splitlines()[-40:])

    def wait_for_open_port(self, port: int, addr: str = "localhost", timeout: int = 900) -> None:
        """Waits until something listens on a TCP port."""
        self.wait_until_succeeds(f"nc -z {addr} {port}", timeout)

    def wait_for_file(self, filename: str, timeout: int = 900) -> None:
        """Waits until a file is there."""
        self.wait_until_succeeds(f"test -e {filename}", timeout)

    def systemctl(self, q: str, user: str | None = None) -> tuple[int, str]:
        """Runs `systemctl`."""
        return self.execute(f"systemctl {q}")

    def sleep(self, secs: int) -> None:
        time.sleep(secs)

    def copy_from_host(self, source: str, target: str) -> None:
        """Copies a file or a directory into the machine, running or not."""
        path = self.root / target.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_dir():
            shutil.copytree(source, path, dirs_exist_ok=True, symlinks=True)
        else:
            shutil.copy(source, path)

    def copy_from_machine(self, source: str, target_dir: str = "") -> None:
        """Copies a file out of the machine, into a directory below that of the test's results."""
        directory = self.out_dir / target_dir
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / Path(source).name).open("wb") as target:
            subprocess.run(self._inside("cat", source), stdout=target, check=True)

    def shutdown(self) -> None:
        """Shuts down in order."""
        if self.is_up():
            self.execute("systemctl poweroff")
            self.wait_for_shutdown()

    def wait_for_shutdown(self) -> None:
        """Waits until it is off."""
        if self.process:
            self.process.wait(timeout=90)

    def reboot(self) -> None:
        """Shuts down in order, and boots."""
        self.shutdown()
        self.start()

    def crash(self) -> None:
        """Stops immediately, as in a power loss."""
        if self.is_up():
            os.kill(self._init(), signal.SIGKILL)
            self.wait_for_shutdown()

    def remove(self) -> None:
        """Stops, and removes everything."""
        with contextlib.suppress(Exception):
            self.crash()
        self._remove_cgroup()
        subprocess.run(["umount", "--lazy", self.root], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
