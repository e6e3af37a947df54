"""A separate network of machines: a bridge in its own network namespace."""

import subprocess
import sys
from pathlib import Path

HAS_IPV6 = Path("/proc/net/if_inet6").exists()


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Network:
    """The network that connects the machines."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.namespaces = [f"{name}-bridge"]
        ip("netns", "add", self.namespaces[0])
        ip("-n", self.namespaces[0], "link", "add", "bridge", "type", "bridge")
        ip("-n", self.namespaces[0], "link", "set", "bridge", "up")

    def add(self, machine: str, addresses: list[str]) -> str:
        """The namespace of a machine, with its addresses; it outlives the machine's reboots."""
        namespace, port = f"{self.name}-{machine}", f"port{len(self.namespaces)}"
        self.namespaces.append(namespace)
        ip("netns", "add", namespace)
        ip("-n", namespace, "link", "set", "lo", "up")
        peer = ["peer", "name", port, "netns", self.namespaces[0]]
        ip("-n", namespace, "link", "add", "eth1", "type", "veth", *peer)
        ip("-n", self.namespaces[0], "link", "set", port, "master", "bridge", "up")
        for address in addresses:
            self._add_address(namespace, address)
        ip("-n", namespace, "link", "set", "eth1", "up")
        return namespace

    def _add_address(self, namespace: str, address: str) -> None:
        if ":" not in address:
            ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth1")
        elif HAS_IPV6:
            # Looking for duplicates would take a second, in which the address cannot be used.
            ip("-n", namespace, "addr", "add", f"{address}/64", "dev", "eth1", "nodad")
        else:
            print("left out: IPv6: this host's kernel has none", file=sys.stderr)

    def remove(self) -> None:
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True)
