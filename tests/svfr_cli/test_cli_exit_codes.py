"""Every error of the project has an exit status of its own choosing, none by accident."""

import importlib
import pkgutil
from collections.abc import Iterator

from svfr_cli.exit_codes import CODE_TO_EXIT, ExitCode, exit_code_of
from svfr_client.errors import ReportedError, SeveralProblems, SvfrError
from svfr_client.hosting.server_process import COMMAND_FOLDER_HELD

PACKAGES = (
    "svfr_client",
    "svfr",
    "svfr_ocio",
    "svfr_restore",
    "svfr_server",
    "svfr_lab",
    "svfr_cli",
    "svfr_installer",
)


def all_errors() -> Iterator[type[SvfrError]]:
    for package in PACKAGES:
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(module.__path__, package + "."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    waiting: list[type[SvfrError]] = [SvfrError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        yield kind


def test_every_error_code_of_the_project_is_listed() -> None:
    codes = {kind.code for kind in all_errors() if kind.__module__.split(".")[0] in PACKAGES}
    assert sorted(codes - set(CODE_TO_EXIT)) == []


def test_a_code_of_a_newer_server_is_a_plain_failure() -> None:
    assert exit_code_of(ReportedError("NEVER_HEARD_OF", "?")) is ExitCode.FAILED


def test_several_problems_exit_with_the_code_they_share() -> None:
    model, plate = ReportedError("MODEL_MISSING", "?"), ReportedError("FRAME_MISSING", "?")
    assert exit_code_of(SeveralProblems([model, model])) is ExitCode.MODEL
    assert exit_code_of(SeveralProblems([model, plate])) is ExitCode.BAD_INPUT


def test_a_host_knows_what_svfr_serve_ends_with_when_another_server_runs() -> None:
    assert COMMAND_FOLDER_HELD == ExitCode.NO_SERVER


def test_the_numbers_never_change() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "BAD_INPUT": 3,
        "NO_SERVER": 4,
        "CANCELLED": 5,
        "MODEL": 6,
        "NO_RESOURCES": 7,
    }
