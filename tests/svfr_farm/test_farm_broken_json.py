"""The farm's files that broke: a typed error with path and remedy, or as if there were none; no traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest
from broken_json import BROKEN, check_refused, write_broken

from svfr_farm.artefacts import read_reference
from svfr_farm.assembly_result import RESULT_FILE, read_result
from svfr_farm.errors import ArtefactDiffers
from svfr_farm.ledger import HANDOVER_FILE, LEDGER_FILE, LedgerShot, Submission
from svfr_farm.plan import PLAN_FILE, PlanFile, read_plan
from svfr_farm.session import CONNECTION_FILE, _connect
from svfr_farm.task_state import read_state, state_path
from svfr_farm.tasks import read_rules

ENTRY = LedgerShot(shot="sh010", asked_sha256="0" * 64, plan_sha256="0" * 64)


def handover(path: Path) -> object:
    return Submission(path.parents[3]).handover(ENTRY)


READERS: dict[str, Callable[[Path], object]] = {
    PLAN_FILE: read_plan,
    LEDGER_FILE: lambda path: Submission(path.parent).shots(),
    f"{ENTRY.folder}/{HANDOVER_FILE}": handover,
    "rules.json": read_rules,
    CONNECTION_FILE: _connect,
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_broken_file_is_refused_with_path_and_remedy(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    check_refused(path, lambda: READERS[name](path))


@pytest.mark.parametrize("kind", [*BROKEN, "a list"])
def test_a_tasks_state_or_result_that_broke_is_as_if_it_were_not_there(tmp_path: Path, kind: str) -> None:
    file = PlanFile(None, tmp_path / PLAN_FILE, "0" * 64)  # type: ignore[arg-type]
    state = state_path(file, "segment", 0)
    state.parent.mkdir()
    for path in (state, tmp_path / RESULT_FILE, file.reference_path):
        if kind == "a list":
            path.write_text("[]")
        else:
            write_broken(path, kind)
    assert read_state(file, "segment", 0) is None
    assert read_result(file) is None
    with pytest.raises(ArtefactDiffers) as caught:
        read_reference(file)
    assert caught.value.path and caught.value.remedy
