"""An error leads on: what is wrong with a shot list, a job, a farm or a picture comes with a remedy."""

import ast
from collections.abc import Iterator

import pytest
from house_sources import Source, source_of, sources

WHERE = ("plugin/svfr_client/", "server/svfr_farm/", "server/svfr_restore/", "server/svfr_cli/commands/farm")
OWN_REMEDY = {"ModelSpecInvalid"}
"""Errors that give their remedy themselves."""
NO_ERRORS = {"SvfrError", "SeveralProblems", "ReportedError"}
WISHED = {"JobWasCancelled", "TransferWasStopped"}
"""What the user asked for needs no remedy."""
BETWEEN_PROGRAMS = "plugin/svfr_client/protocol/"
"""A message that breaks the protocol is a program's fault, and no user can do anything about it."""


def without_remedy(source: Source, errors: set[str]) -> Iterator[int]:
    """The lines where an error of ours is made and no remedy is given; ``**where`` may hold one."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        name = source.names.origin(node.func).rpartition(".")[2]
        if name in errors and not any(word.arg in ("remedy", None) for word in node.keywords):
            yield node.lineno


def errors_of_ours() -> set[str]:
    trees = [one.tree for one in sources() if one.path.endswith("errors.py")]
    classes = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return classes - NO_ERRORS - OWN_REMEDY - WISHED


@pytest.mark.parametrize(
    ("text", "is_bad"),
    [
        ("from e import BadJob\nraise BadJob('x')", True),
        ("from e import BadJob\nfound.append(BadJob('x', path=p))", True),
        ("from e import BadJob as B\nraise B('x')", True),
        ("import e\nraise e.BadJob('x')", True),
        ("from e import BadJob\nraise BadJob('x', remedy='y')", False),
        ("from e import BadJob\nraise BadJob('x', **where)", False),
        ("raise ValueError('x')", False),
    ],
)
def test_an_error_without_a_remedy_is_recognised(text: str, is_bad: bool) -> None:
    assert bool(list(without_remedy(source_of(text), {"BadJob"}))) == is_bad


def test_every_error_says_what_to_do() -> None:
    errors = errors_of_ours()
    assert {"PlanIsBad", "BadJob", "FrameCannotBeRead"} <= errors
    scanned = [
        one for one in sources() if one.path.startswith(WHERE) and not one.path.startswith(BETWEEN_PROGRAMS)
    ]
    assert len(scanned) > 100
    assert [f"{one.path}:{line}" for one in scanned for line in without_remedy(one, errors)] == []
