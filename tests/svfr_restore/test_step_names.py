"""Names of denoise steps among the checkpoints."""

import pytest

from svfr_restore.step_names import StepName


@pytest.mark.parametrize(
    ("name", "former"),
    [
        ("key/pass1/step0003", "key/pass1/step0002"),
        ("key/pass2/step10000", "key/pass2/step09999"),
        ("key/pass1/step0000", None),
    ],
)
def test_a_step_names_the_one_before(name: str, former: str | None) -> None:
    step = StepName.read(name)
    assert step is not None and step.before() == former


@pytest.mark.parametrize("name", ["key/reference", "step0003", "key/step", "key/step3/mask"])
def test_other_checkpoints_are_no_steps(name: str) -> None:
    assert StepName.read(name) is None
