"""What real Synapse makes of settings and delegation together, one case after the other: reads cases
(tests/fixtures/synapse.yaml) and the overlay, prints as JSON, on the last line, whether it takes each with
delegation alone, and with the whole overlay."""

import json
import sys
import tempfile
from pathlib import Path

import yaml
from synapse.config.homeserver import HomeServerConfig

BASE = {
    "server_name": "example.com",
    "report_stats": False,
    "suppress_key_server_warning": True,
    "database": {"name": "sqlite3", "args": {"database": ":memory:"}},
    "macaroon_secret_key": "of-the-test",
    "trusted_key_servers": [],
    "pid_file": "/dev/null",
}


def refusal(*configs: dict) -> str | None:
    """None if Synapse accepts the files in this order, otherwise its error."""
    with tempfile.TemporaryDirectory() as directory:
        arguments = []
        for i, config in enumerate([{**BASE, "signing_key_path": f"{directory}/key"}, *configs]):
            file = Path(directory, f"{i}.yaml")
            file.write_text(yaml.safe_dump(config))
            arguments += ["--config-path", str(file)]
        HomeServerConfig.load_or_generate_config("test", [*arguments[:2], "--generate-keys"])
        try:
            HomeServerConfig.load_config("test", arguments)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return None


class Provider:
    """A password provider, as far as Synapse looks at one when it loads its configuration."""

    @staticmethod
    def parse_config(config: dict) -> dict:
        """Accepts anything."""
        return config


def main() -> None:
    """Checks all cases, and prints the report."""
    cases = yaml.safe_load(Path(sys.argv[1]).read_text())
    overlay = yaml.safe_load(Path(sys.argv[2]).read_text())
    delegation = {"matrix_authentication_service": overlay["matrix_authentication_service"]}
    report = []
    for case in cases:
        settings = case["settings"]
        own = settings.get("matrix_authentication_service", {})
        both = {"matrix_authentication_service": {**delegation["matrix_authentication_service"], **own}}
        report.append(
            {
                "rule": case.get("rule"),
                "delegation": refusal(settings, both),
                "overlay": refusal(settings, overlay),
            }
        )
    print()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
