"""What NixOS's test driver puts before a script to check its types, in our words: the same names from the
same modules, variables, functions and classes alike (nixpkgs nixos/lib/test-script-prepend.py, now and as
it was before there were containers). A script that uses one of these names for something else is found."""

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Generator, Iterator, List, Optional, Union
from unittest import TestCase

from machine import Machine
from typing_extensions import Protocol

BaseMachine = Machine
NspawnMachine = Machine
QemuMachine = Machine


class VLan:
    """A network of machines."""


class Driver:
    """Who runs the script."""


class AbstractLogger:
    """Where it says what it does."""


class CompositeLogger(AbstractLogger):
    """Several loggers in one."""


class Logger(AbstractLogger):
    """Its former name."""


class DebugAbstract:
    """Stops at a breakpoint."""


class DebugNop(DebugAbstract):
    """Ignores breakpoints."""


class AssertionTester(TestCase):
    """The assertions of unittest."""


class CreateMachineProtocol(Protocol):
    def __call__(
        self, start_command: str, *, name: Optional[str] = None, keep_machine_state: bool = False
    ) -> QemuMachine: ...


class RetryProtocol(Protocol):
    def __call__(self, fn: Callable[[bool], bool], timeout: int = 900) -> None: ...


class PollingConditionProtocol(Protocol):
    def __call__(
        self,
        fun_: Optional[Callable[[], bool]] = None,
        *,
        seconds_interval: float = 2.0,
        description: Optional[str] = None,
    ) -> Union[Callable[[Any], ContextManager[None]], ContextManager[None]]: ...


debug: DebugAbstract = DebugNop()
driver = Driver()
log: AbstractLogger = CompositeLogger()
machines: List[BaseMachine] = []
machines_nspawn: List[NspawnMachine] = []
machines_qemu: List[QemuMachine] = []
t = AssertionTester()
vlans: List[VLan] = []


def create_fake_driver() -> Driver:
    return driver


def create_fake_qemu_machine() -> QemuMachine:
    return machines_qemu[0]


def create_fake_nspawn_machine() -> NspawnMachine:
    return machines_nspawn[0]


def create_fake_vlan() -> VLan:
    return vlans[0]


def create_machine(start_command: str, name: Optional[str] = None, keep_machine_state: bool = False) -> QemuMachine:
    return machines_qemu[0]


def dump_machine_ssh() -> None: ...
def join_all() -> None: ...
def polling_condition(
    fun: Optional[Callable[[], bool]], seconds_interval: float = 0.0, description: Optional[str] = None
) -> None: ...
def retry(fn: Callable[[bool], bool], timeout_seconds: int = 900) -> None: ...
def run_tests() -> None: ...
def serial_stdout_off() -> None: ...
def serial_stdout_on() -> None: ...
def start_all() -> None: ...
def test_script() -> None: ...


@contextmanager
def subtest(name: str) -> Generator[None, None, None]:
    yield
