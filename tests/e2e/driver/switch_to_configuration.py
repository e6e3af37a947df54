#!/usr/bin/python3
"""Makes a Debian machine what a node's modules say, in the order in which NixOS's program of this name
does it (https://nixos.org/manual/nixos/stable/#sec-switching-systems): checks before anything is
touched, units that have changed are stopped, files and users are put in place, units are started.

A generation is a directory with `generation.json`, which ../debian/machine.nix describes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

Generation = dict[str, Any]
CURRENT = Path("/system/current")
UNITS = Path("/etc/systemd/system")


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def read(directory: Path) -> Generation:
    file = directory / "generation.json"
    generation: Generation = json.loads(file.read_text()) if file.exists() else {}
    return generation


def check(new: Generation) -> None:
    """Runs the checks that can refuse a switch."""
    for name, script in new["checks"].items():
        if subprocess.run(["/bin/sh", "-c", script]).returncode != 0:
            sys.exit(f"Pre-switch check '{name}' failed")


def replace(path: Path, write: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    write(path)


def put_files(old: Generation, new: Generation) -> None:
    """Replaces the units, files below /etc and programs of the old generation with those of the new one."""
    for unit in old.get("units", {}).keys() - new["units"].keys():
        (UNITS / unit).unlink(missing_ok=True)
    for link in old.get("links", {}).keys() - new["links"].keys():
        (Path("/") / link).unlink(missing_ok=True)
    targets = {file["target"] for file in new["etc"]}
    for file in old.get("etc", []):
        if file["target"] not in targets:
            (Path("/etc") / file["target"]).unlink(missing_ok=True)
    for unit, text in new["units"].items():
        replace(UNITS / unit, lambda path, text=text: path.write_text(text))
    for link, target in new["links"].items():
        replace(Path("/") / link, lambda path, target=target: path.symlink_to(target))
    for file in new["etc"]:
        source = file["source"]
        path = Path("/etc") / file["target"]
        if file["mode"] == "symlink":
            replace(path, lambda path, source=source: path.symlink_to(source))
        else:
            replace(path, lambda path, source=source: shutil.copyfile(source, path))
            path.chmod(int(file["mode"], 8))
            run("chown", f"{file['user']}:{file['group']}".replace("+", ""), str(path))
    for tool, text in new["tools"].items():
        path = Path("/usr/local/bin") / tool
        replace(path, lambda path, text=text: path.write_text(text))
        path.chmod(0o755)


def put_users(new: Generation) -> None:
    lines = [f"g {group} -\n" for group in new["groups"]]
    for name, user in new["users"].items():
        lines.append(f'u {name} -:{user["group"]} "{user["description"]}" {user["home"]}\n')
        lines += [f"m {name} {group}\n" for group in user["extraGroups"]]
    Path("/etc/sysusers.d").mkdir(exist_ok=True)
    Path("/etc/sysusers.d/nixos.conf").write_text("".join(lines))
    run("systemd-sysusers", "/etc/sysusers.d/nixos.conf")
    for name, user in new["users"].items():
        if user["createHome"]:
            run("install", "-d", "-m", "700", "-o", name, "-g", user["group"], user["home"])


def put_names(new: Generation) -> None:
    Path("/etc/hostname").write_text(new["hostName"] + "\n")
    lines = ["127.0.0.1 localhost\n", "::1 localhost\n"]
    lines += [f"{address} {' '.join(names)}\n" for address, names in new["hosts"].items()]
    Path("/etc/hosts").write_text("".join(lines))
    for file in new["certificates"]:
        shutil.copyfile(file, f"/usr/local/share/ca-certificates/{os.path.basename(file)}.crt")
    run("update-ca-certificates")
    lines = ["L+ /run/current-system - - - - /system/current"]
    lines += ["L /run/booted-system - - - - /system/default", *new["tmpfiles"]]
    Path("/etc/tmpfiles.d").mkdir(exist_ok=True)
    Path("/etc/tmpfiles.d/nixos.conf").write_text("\n".join(lines) + "\n")


def active(units: list[str]) -> list[str]:
    """The units that are running."""

    def runs(unit: str) -> bool:
        return subprocess.run(["systemctl", "is-active", "--quiet", unit]).returncode == 0

    return [unit for unit in units if runs(unit)]


def activate(old: Generation, new: Generation) -> None:
    put_users(new)
    put_files(old, new)
    put_names(new)


def switch(old: Generation, new: Generation) -> None:
    """Switches from one generation to another while the machine runs."""
    check(new)
    before, after = old["units"], new["units"]
    changed = [unit for unit in before if unit in after and before[unit] != after[unit]]
    running = active([unit for unit in changed if not unit.endswith(".target")])
    to_stop = [unit for unit in running if new["onChange"].get(unit, "stop") == "stop"]
    to_restart = [unit for unit in running if new["onChange"].get(unit) == "restart"]
    gone = active([unit for unit in before if unit not in after])
    if to_stop + gone:
        run("systemctl", "stop", *to_stop, *gone)
    activate(old, new)
    run("systemctl", "daemon-reload")
    run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/nixos.conf")
    if to_restart:
        run("systemctl", "restart", *to_restart)
    wanted = [os.path.basename(link) for link in new["links"] if "multi-user.target.wants" in link]
    run("systemctl", "start", *to_stop, *wanted)


def main() -> None:
    action, directory = sys.argv[1], Path(sys.argv[0]).parent.parent.resolve()
    old, new = read(CURRENT), read(directory)
    if action == "boot":
        activate(old, new)
    else:
        switch(old, new)
    replace(CURRENT, lambda path: path.symlink_to(directory))


if __name__ == "__main__":
    main()
