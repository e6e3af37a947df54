"""Writes nginx's configurations: those of the tests' nodes, and those of what `mas2nix render` wrote; the
latter as they are, and with a header that an administrator sets for everything or for every server."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from driver import evaluate, names

HEADER = "add_header X-Content-Type-Options nosniff;"
# What nginx includes on the machine: files that are not here, of which only the second is ours.
MIME_TYPES = "include /etc/nginx/mime.types;"
CUTOVER = "include /var/lib/syn2mas/nginx.conf;"


def of_generation(name: str, generation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The configurations of a node, and of what it can be switched to, as they are after a cutover."""
    unit = generation["units"].get("nginx.service", "")
    if found := re.search(r"-c (\S+)", unit):
        text = Path(found[1]).read_text().replace(MIME_TYPES, "")
        cutover = [file["source"] for file in generation["etc"] if file["target"].endswith("cutover.nginx")]
        yield name, text.replace(CUTOVER, "".join(Path(file).read_text() for file in cutover))
    for other, special in generation["specialisations"].items():
        yield from of_generation(f"{name}-{other}", special)


def of_tests() -> Iterator[tuple[str, str]]:
    for name in names():
        for node, generation in evaluate(name)["nodes"].items():
            yield from of_generation(f"{name}-{node}", generation)


def of_rendered(directory: Path) -> str:
    """A configuration that includes what was rendered as docs/any-host.md says."""
    nginx = directory / "etc/nginx"
    common = "".join(file.read_text() for file in sorted(nginx.glob("conf.d/*.conf")))
    servers = "".join(
        f"server {{\nserver_name {file.stem}.example.com;\n{file.read_text()}}}\n"
        for file in sorted(nginx.glob("snippets/*/*.conf"))
    )
    assert common and servers, directory
    return f"events {{ }}\nhttp {{\n{common}{servers}}}\n"


def with_headers(out: Path, name: str, text: str) -> None:
    for block in ("http", "server"):
        with_header = re.sub(rf"^\s*{block} {{", rf"\g<0>\n{HEADER}", text, flags=re.MULTILINE)
        assert with_header != text, f"{name} has no {block}"
        (out / f"{name}-in-{block}.conf").write_text(with_header)


def main() -> None:
    plain, repeated, out = (Path(argument) for argument in sys.argv[1:])
    (out / "rendered.conf").write_text(of_rendered(plain))
    with_headers(out, "headers-not-repeated", of_rendered(plain))
    with_headers(out, "headers-repeated", of_rendered(repeated))
    seen = set()
    for name, text in of_tests():
        if text not in seen:
            (out / f"{name}.conf").write_text(text)
        seen.add(text)
    assert seen, "no node has nginx"


if __name__ == "__main__":
    main()
