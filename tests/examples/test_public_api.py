"""The names that users import: adding one is a minor version, taking one away a major one."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import svfr
import svfr_client
import svfr_ocio
import svfr_restore

PUBLIC = {
    svfr: "Model load_model restore_clip",
    svfr_client: "Box Client ColourClaim FaceChoice JobSpec Reference SeveralProblems SvfrError",
    svfr_ocio: "ColourConfig ModelDomain Space crop_transfer open_config resolve_space",
    svfr_restore: "JobResult ModelCache Report restore run_job",
}


@pytest.mark.parametrize("package", PUBLIC, ids=lambda package: package.__name__)
def test_the_public_names_are_these_and_each_is_documented(package: object) -> None:
    assert package.__all__ == dir(package) == PUBLIC[package].split()
    for name in package.__all__:
        assert getattr(package, name).__doc__, name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize(
    "name",
    [svfr.load_model, svfr.restore_clip, svfr_restore.restore, svfr_client.Client],
    ids=lambda n: n.__name__,
)
def test_the_example_in_a_docstring_is_one_that_the_tests_run(name: object) -> None:
    """Those of docs/python.md are run by test_examples.py."""
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    run = {
        line for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) for line in block.splitlines()
    }
    indented = re.findall(r"(?m)^ {4}( *\S.*)$", inspect.cleandoc(name.__doc__ or ""))
    assert len(indented) >= 2 and [line for line in indented if line not in run] == []


def test_a_name_is_loaded_only_when_it_is_asked_for() -> None:
    code = (
        "import sys, svfr, svfr_client, svfr_restore, svfr_ocio; print({'torch', 'zmq'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
