"""Runs tests of nix/tests in containers: `python3 tests/e2e/driver --help`."""

import argparse
import sys
import time
import traceback
from pathlib import Path

from driver import ROOT, SERVICE, Programs, Test, names


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Runs the tests of nix/tests in containers of Debian, as root.",
        epilog="example: python3 tests/e2e/driver --image $(tests/e2e/driver/image) migrate-passwords",
    )
    parser.add_argument("tests", nargs="*", metavar="TEST", help="names; all if none are given")
    parser.add_argument("--image", type=Path, required=True, help="what tests/e2e/driver/image prints")
    parser.add_argument("--programs", type=Path, default=ROOT / "target/debug", help="ours")
    parser.add_argument("--mas", type=Path, default=Path("/usr/local"), help="above MAS's bin")
    parser.add_argument("--older-mas", type=Path, help="the same for an older MAS, to update from")
    parser.add_argument("--out", type=Path, default=ROOT / "target/tests", help="for screenshots")
    parser.add_argument("--keep", action="store_true", help="leave machines where a test fails")
    arguments = parser.parse_args()
    if not (arguments.mas / f"share/{SERVICE}/manifest.json").exists():
        parser.error(f"{arguments.mas} has no share/{SERVICE} with MAS's pages")
    programs = Programs(arguments.programs, arguments.mas, arguments.older_mas)
    unknown = set(arguments.tests) - set(names())
    if unknown:
        parser.error(f"there is no test {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    failed = []
    for name in arguments.tests or names():
        print(f"{name}", flush=True)
        start = time.monotonic()
        test = None
        keep = False
        try:
            test = Test(name, arguments.image, programs, arguments.out)
            test.run()
        except Exception:
            traceback.print_exc()
            failed.append(name)
            keep = arguments.keep
        finally:
            if test and not keep:
                test.remove()
            elif test:
                kept = [f"{machine.name}: {machine.root}" for machine in test.machines]
                print(f"kept: {', '.join(kept)}")
        outcome = "failed" if name in failed else "passed"
        print(f"{name}: {outcome} in {time.monotonic() - start:.0f} s", flush=True)
    total = len(arguments.tests or names())
    print(f"{total - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
