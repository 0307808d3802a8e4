"""A public function that is called wrongly says what is wrong and what to give, all of it at once."""

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import svfr
import svfr_ocio
import svfr_restore
from svfr.errors import CropShapeMismatch, DeviceUnavailable, SeedOutOfRange, UnknownTask
from svfr_client import Box, Client, ColourClaim, FaceChoice, JobSpec, Reference, SeveralProblems, SvfrError
from svfr_client.errors import BadArgument
from svfr_client.job_checks import job_problems

ODD: dict[str, Any] = {
    "an object": object(),
    "a set": {1},
    "bytes": b"x",
    "a complex number": 1j,
    "a list of lists": [["bfr"]],
    "a dictionary": {"a": {}},
    "not a number": float("nan"),
}
PICTURE = np.zeros((4, 4, 3), np.float32)
MODEL = svfr.load_model("mini")
SIDE = MODEL.spec.crop_px
CONFIG = svfr_ocio.open_config(None)
SPEC = JobSpec(plate="/p/a.%04d.exr", frames="1", tasks=("bfr",), output="/o/a.%04d.exr")
CALLS: dict[Any, dict[str, Any]] = {
    svfr.load_model: {"name": "mini"},
    svfr.restore_clip: {"model": MODEL, "clip": np.zeros((0, SIDE, SIDE, 3)), "tasks": ["bfr"]},
    svfr_restore.restore: {"plate": "none.%04d.exr", "output": "o.%04d.exr", "tasks": ["bfr"]},
    svfr_restore.run_job: {"spec": SPEC, "models": svfr_restore.ModelCache(), "report": print},
    svfr_restore.ModelCache: {},
    svfr_ocio.open_config: {"claim": None},
}


def arguments_of(function: Any) -> list[str]:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [name for name, one in inspect.signature(function).parameters.items() if one.kind not in kinds]


EACH = [(function, name) for function in CALLS for name in arguments_of(function)]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("function", "name"), EACH, ids=lambda one: getattr(one, "__name__", one))
def test_an_odd_argument_is_an_error_in_words(function: Any, name: str, odd: str) -> None:
    try:
        function(**{**CALLS[function], name: ODD[odd]})
    except SvfrError as problem:
        assert str(problem) and "object at 0x" not in str(problem)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, f.name) for kind in (JobSpec, FaceChoice, ColourClaim, Reference, Box) for f in fields(kind)],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_an_odd_field_of_a_job_is_found_before_anything_is_sent(kind: Any, name: str, odd: str) -> None:
    if kind is JobSpec:
        spec = JobSpec(**{**vars(SPEC), name: ODD[odd]})
    elif kind is FaceChoice:
        spec = JobSpec(**{**vars(SPEC), "faces": FaceChoice(**{name: ODD[odd]})})
    elif kind is ColourClaim:
        spec = JobSpec(**{**vars(SPEC), "colour": ColourClaim(**{name: ODD[odd]})})
    elif kind is Reference:
        spec = JobSpec(**{**vars(SPEC), "references": (Reference(**{name: ODD[odd]}),)})
    else:
        box = Box(**{**dict.fromkeys(("x", "y", "width", "height"), 1.0), name: ODD[odd]})
        spec = JobSpec(**{**vars(SPEC), "faces": FaceChoice("box", boxes=(box,))})
    problems = job_problems(spec)
    may_be = (kind, name, odd) == (ColourClaim, "probe", "a dictionary")
    assert (problems or may_be) and all(str(problem) for problem in problems)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", "cpu:5", "", "xpu"])
def test_a_device_that_is_not_here_is_named_with_those_that_are(device: str) -> None:
    with pytest.raises(DeviceUnavailable, match="cpu"):
        svfr.load_model("mini", device)
    if device:  # None and "" leave the choice to the program
        with pytest.raises(DeviceUnavailable):
            svfr_restore.restore("a.%04d.exr", "b.%04d.exr", tasks=["bfr"], device=device, frames="1")


def test_all_that_is_wrong_with_a_call_is_said_at_once() -> None:
    with pytest.raises(SeveralProblems) as caught:
        svfr_restore.restore(3, "o.exr", tasks="bfr", frames=5)  # type: ignore[arg-type]
    assert [str(one) for one in caught.value.problems] == [
        "restore: plate is 3. Give text or a path.",
        "restore: tasks is 'bfr'. Give a list, each text.",
        "restore: frames is 5. Give text or None.",
    ]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: svfr_restore.restore("a.exr", "b.exr", tasks=["bfr"], frame="1"), "Did you mean frames"),
        (lambda: svfr_restore.restore("a.exr", "b.exr", tasks=["bfr"], mask_path="m"), "Did you mean mask"),
        (lambda: svfr_restore.restore("a.exr", "b.exr"), "needs tasks"),
        (lambda: svfr_restore.restore("a.exr", "b.exr", ["bfr"]), "takes 2 arguments"),
        (lambda: svfr.load_model("mini", "cpu", device="cpu"), "given device twice"),
        (lambda: svfr.load_model("mini", devise="cpu"), "Did you mean device"),
    ],
)
def test_a_name_that_a_function_does_not_have_is_said_with_the_nearest(call: Any, words: str) -> None:
    with pytest.raises(SvfrError, match=words):
        call()


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_is_checked_also_where_the_model_needs_none(seed: int) -> None:
    with pytest.raises(SeedOutOfRange):
        svfr.restore_clip(MODEL, np.zeros((1, SIDE, SIDE, 3), np.float32), ["bfr"], seed=seed)


def test_what_a_clip_cannot_be_is_refused() -> None:
    with pytest.raises(CropShapeMismatch):
        svfr.restore_clip(MODEL, [[1.0], [1.0, 2.0]], ["bfr"])  # type: ignore[arg-type]
    with pytest.raises(UnknownTask):
        svfr.restore_clip(MODEL, PICTURE, iter([["bfr"]]))  # type: ignore[list-item]


def test_a_client_refuses_what_is_no_job_before_it_looks_for_a_service(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="folder"):
        Client(folder=3)  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="Give a JobSpec"):
        Client.submit(object.__new__(Client), {"plate": "x"})  # type: ignore[arg-type]
