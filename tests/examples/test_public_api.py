"""The names that users import: adding one is a minor version, taking one away a major one."""

import subprocess
import sys

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


def test_a_name_is_loaded_only_when_it_is_asked_for() -> None:
    code = (
        "import sys, svfr, svfr_client, svfr_restore, svfr_ocio; print({'torch', 'zmq'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
