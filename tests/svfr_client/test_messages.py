"""Jobs and their plain forms: what is refused, and that one job has one content key."""

import re
from dataclasses import replace
from typing import Any

import pytest

from svfr_client import vocabulary
from svfr_client.errors import BadJobId, BadRecord, NotCanonical
from svfr_client.job import Box, ColourClaim, FaceChoice, FacePoint, JobSpec, Reference
from svfr_client.job_checks import job_problems
from svfr_client.masks import MaskLayer, MaskPoint, MaskShape, MaskSpline, SplineMask
from svfr_client.protocol.messages import Event, JobState, JobStatus, check_job_id
from svfr_client.records import canonical_json, from_plain, known_part, sha256_of, to_plain

POINTS = tuple(MaskPoint((x, y), (x, y), (x, y)) for x, y in ((1.0, 1.0), (9.0, 1.0), (5.0, 9.5)))
MASK = SplineMask({1001: MaskShape((MaskLayer((MaskSpline(POINTS),)),), 64, 48)})
JOB = JobSpec("/p/a.%04d.exr", "1001-1010", ("bfr", "colorize"), "/p/out/a.%04d.exr")
FULL = replace(
    JOB,
    mask_splines=MASK,
    faces=FaceChoice("box", boxes=(Box(1, 2, 30, 40.5),)),
    references=(Reference(0, 1005), Reference(1, photo="/p/face.png")),
    colour=ColourClaim("acescg", exposure_stops=-1.0, probe={"in": [0.18]}),
)
STATUS = JobStatus(
    job="0" * 32,
    state=JobState.DONE,
    plate="a",
    frames="1",
    output="b",
    priority=0,
    attempts=1,
    last_seq=9,
    created=1.0,
    updated=2.0,
)


def test_a_job_survives_its_plain_form() -> None:
    assert JobSpec.from_json(FULL.to_json()) == FULL


def test_detail_is_not_sent_while_the_preset_decides_it() -> None:
    assert "detail" not in FULL.to_json()
    sharp = replace(FULL, detail=0.4)
    assert JobSpec.from_json(sharp.to_json()) == sharp and sharp.content_key() != FULL.content_key()
    assert "detail is 1.5" in str(job_problems(replace(FULL, detail=1.5))[0])


def test_a_job_without_its_optional_fields_gets_their_defaults() -> None:
    required = {name: JOB.to_json()[name] for name in ("plate", "frames", "tasks", "output")}
    assert JobSpec.from_json(required) == JOB


def test_unknown_missing_and_mistyped_fields_are_named_together() -> None:
    plain = FULL.to_json()
    del plain["plate"]
    plain.update(frame="1001", seed="77", tasks="bfr", write_handles=1)
    plain["faces"]["boxes"][0]["w"] = 3
    plain["references"][1] = 5
    with pytest.raises(BadRecord) as caught:
        JobSpec.from_json(plain)
    for part in (
        "job.plate is missing",
        "job.frame is unknown",
        "job.seed should be a whole number",
        "job.tasks should be a list",
        "job.write_handles should be true or false",
        "job.faces.boxes[0].w is unknown",
        "job.references[1] should be an object",
    ):
        assert part in str(caught.value)


def test_a_damaged_mask_is_named_inside_its_job() -> None:
    plain = FULL.to_json()
    plain["mask_splines"]["format"] = 99
    with pytest.raises(BadRecord, match=r"job\.mask_splines: The mask has format 99"):
        JobSpec.from_json(plain)


@pytest.mark.parametrize("data", [None, [], "job", 3])
def test_what_is_no_object_is_no_job(data: Any) -> None:
    with pytest.raises(BadRecord, match="job should be an object"):
        JobSpec.from_json(data)


def test_the_content_key_does_not_depend_on_the_order_of_sets_or_the_writing_of_numbers() -> None:
    other = replace(FULL, tasks=("colorize", "bfr"), layers=("matte", "delta"))
    assert other.content_key() == FULL.content_key()
    boxes = replace(FULL, faces=FaceChoice("box", boxes=(Box(1.0, 2.0, 30.0, 40.5),)))
    assert boxes.content_key() == FULL.content_key()


def test_where_frames_go_and_which_are_written_does_not_decide_their_pixels() -> None:
    spec = replace(FULL, frames="1-50", context=None)
    same = replace(spec, frames="7", context="1-50", output="/o/x.exr", existing="overwrite", priority=9)
    assert same.pixels_key() == spec.pixels_key()
    for change in ({"seed": 1}, {"frames": "1-51"}, {"feather": 0.5}):
        assert replace(spec, **change).pixels_key() != spec.pixels_key()  # type: ignore[arg-type]


def test_the_content_key_survives_the_plain_form() -> None:
    assert JobSpec.from_json(FULL.to_json()).content_key() == FULL.content_key()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 78},
        {"tasks": ("bfr",)},
        {"mask_splines": None},
        {"output": "/p/out/b.%04d.exr"},
        {"references": FULL.references[::-1]},
        {"colour": ColourClaim("acescg", exposure_stops=-1.5)},
    ],
)
def test_every_change_of_a_job_changes_its_content_key(change: dict[str, Any]) -> None:
    assert replace(FULL, **change).content_key() != FULL.content_key()


def test_canonical_json_is_one_text_per_value() -> None:
    assert canonical_json({"b": 1.0, "a": [2.50, -0.0, "ü"]}) == '{"a":[2.5,0,"\\u00fc"],"b":1}'
    assert sha256_of({"a": 1}) == sha256_of({"a": 1.0})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": b"bytes"}, {1, 2}])
def test_values_without_a_canonical_form_are_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical_json(value)


def test_a_sound_job_has_no_problems() -> None:
    assert job_problems(JOB) == []
    assert job_problems(FULL) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"plate": " "}, "plate is empty"),
        ({"output": "a" * 5000}, "output is longer than"),
        ({"plate": "/a\0b"}, "holds a null"),
        ({"references": (Reference(0, photo=""),)}, "references[0].photo is empty"),
        ({"tasks": ()}, "no task"),
        ({"tasks": ("bfr", "bfr")}, "names a value twice"),
        ({"tasks": ("sharpen",)}, "tasks cannot be 'sharpen'"),
        ({"layers": ("rgb",)}, "layers cannot be 'rgb'"),
        ({"sampler": "fast"}, "sampler cannot be 'fast'"),
        ({"missing": "guess"}, "missing cannot be 'guess'"),
        ({"existing": "append"}, "existing cannot be 'append'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63}, "outside 0 to"),
        ({"handles": 1001}, "handles is 1001"),
        ({"feather": 0.6}, "feather is 0.6"),
        ({"feather": float("nan")}, "feather is nan"),
        ({"priority": 101}, "priority is 101"),
        ({"frames": "ten"}, "no frame or range"),
        ({"frames": ""}, "frame range is empty"),
        ({"frames": "1-200000"}, "more than 100000 frames"),
        ({"tasks": ("inpaint",)}, "inpaint needs a mask"),
        ({"mask_path": "/m.%04d.exr", "mask_splines": MASK}, "a matte sequence and splines"),
        ({"faces": FaceChoice("index")}, "by index, but none"),
        ({"faces": FaceChoice("box")}, "by box, but none"),
        ({"faces": FaceChoice("mask")}, "by mask, but the job has none"),
        ({"faces": FaceChoice("id")}, "by id, but none"),
        ({"faces": FaceChoice("point")}, "by point, but none"),
        ({"faces": FaceChoice("photo")}, "by photo, but none"),
        ({"faces": FaceChoice("photo", photos=(" ",))}, "faces.photos[0] is empty"),
        ({"faces": FaceChoice("id", ids=("kfmd",) * 101)}, "more than 100 faces"),
        ({"faces": FaceChoice("box", boxes=(Box(0, 0, 5, 5),) * 101)}, "more than 100 faces"),
        ({"faces": FaceChoice("index", indices=tuple(range(101)))}, "more than 100 faces"),
        ({"references": tuple(Reference(n, 1) for n in range(101))}, "more than 100 references"),
        ({"faces": FaceChoice("point", points=(FacePoint(float("nan"), 0, 1),))}, "no place of the plate"),
        ({"faces": FaceChoice("nose")}, "faces.mode cannot be 'nose'"),
        ({"faces": FaceChoice("index", indices=(-1,))}, "index -1 is negative"),
        ({"faces": FaceChoice("box", boxes=(Box(0, 0, 0, 5),))}, "not a rectangle"),
        ({"faces": FaceChoice("box", boxes=(Box(float("nan"), 0, 5, 5),))}, "not a rectangle"),
        ({"references": (Reference(0),)}, "either a plate frame or a photo"),
        ({"references": (Reference(0, 1, "/x.png"),)}, "either a plate frame or a photo"),
        ({"references": (Reference(0, 1), Reference(0, 2))}, "has two references"),
        ({"colour": ColourClaim(exposure_stops=99.0)}, "exposure_stops is 99"),
    ],
)
def test_a_bad_value_is_complained_about(change: dict[str, Any], complaint: str) -> None:
    assert any(complaint in str(problem) for problem in job_problems(replace(JOB, **change)))


def test_everything_wrong_with_a_job_is_found_at_once() -> None:
    bad = replace(JOB, plate="", tasks=(), frames="x", seed=-3, sampler="y")
    assert len(job_problems(bad)) == 5


@pytest.mark.parametrize(
    ("field", "word"),
    [
        ("sampler", "fast"),
        ("missing", "guess"),
        ("existing", "append"),
        ("tasks", ["sharpen"]),
        ("layers", [7]),
    ],
)
def test_a_word_that_is_none_of_a_jobs_is_refused_with_the_known_ones(field: str, word: object) -> None:
    with pytest.raises(BadRecord, match=rf"job\.{field}.* should be one of \w+, "):
        JobSpec.from_json(dict(JOB.to_json(), **{field: word}))


def test_words_that_people_typed_are_read_and_all_unknown_ones_named() -> None:
    words = vocabulary.WordReader()
    assert words.several("tasks", ["inpaint", "bfr"], vocabulary.TASKS) == ("inpaint", "bfr")
    assert words.one("missing", "guess", vocabulary.MISSING_POLICIES) in vocabulary.MISSING_POLICIES
    assert words.several("tasks", ["sharpen"], vocabulary.TASKS) != ()
    assert [str(problem) for problem in words.problems] == [
        "missing cannot be 'guess'. Choose from error, hold, skip.",
        "tasks cannot be 'sharpen'. Choose from bfr, colorize, inpaint.",
    ]


def test_the_words_of_the_wire_never_change() -> None:
    assert (vocabulary.TASKS, vocabulary.SAMPLERS) == (("bfr", "colorize", "inpaint"), ("studio", "official"))
    assert vocabulary.FACE_MODES[:6] == ("largest", "all", "index", "box", "mask", "frame")
    assert vocabulary.FACE_MODES[6:] == ("id", "point", "photo")  # since 1.1
    assert vocabulary.MISSING_POLICIES == ("error", "hold", "skip")
    assert vocabulary.EXISTING_POLICIES == ("error", "overwrite", "version_up")
    assert vocabulary.LAYERS[:5] == ("delta", "matte", "crop", "diff", "st")
    assert vocabulary.LAYERS[5:] == ("base", "detail", "invention", "spread", "identity")  # since 1.4


def test_only_three_states_are_final() -> None:
    assert {state for state in JobState if state.is_final} == {
        JobState.DONE,
        JobState.FAILED,
        JobState.CANCELLED,
    }
    assert Event("0" * 32, 3, "failed", {}).is_last
    assert not Event("0" * 32, 3, "retry", {}).is_last


def test_a_newer_servers_extra_fields_are_left_out() -> None:
    newer = dict(to_plain(STATUS), mood="good")
    assert from_plain(JobStatus, known_part(JobStatus, newer)) == STATUS


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(BadRecord, match="one of queued, running"):
        from_plain(JobStatus, dict(to_plain(STATUS), state="asleep"))


@pytest.mark.parametrize("job", ["", "0" * 31, "G" * 32, "0" * 32 + "\n", "../" + "0" * 29])
def test_what_is_no_job_id_is_refused(job: str) -> None:
    with pytest.raises(BadJobId):
        check_job_id(job)


def test_an_unknown_word_in_a_list_is_named_and_taken_for_no_repeat() -> None:
    words = vocabulary.WordReader()
    assert words.several("layers", ["delta", "foo"], vocabulary.LAYERS) == ("delta",)
    assert words.several("tasks", ["resto"], vocabulary.TASKS) == (vocabulary.TASKS[0],)
    assert [problem.message for problem in words.problems] == [
        "layers cannot be 'foo'.",
        "tasks cannot be 'resto'.",
    ]


OLD_NAME = "/plates/caf\udce9.exr"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"plate": OLD_NAME}, r"plate cannot be sent, for it is not Unicode: /plates/caf\\udce9.exr"),
        ({"output": OLD_NAME}, "output cannot be sent"),
        ({"model": OLD_NAME}, "model cannot be sent"),
        ({"colour": ColourClaim(space="\udce9")}, "colour.space cannot be sent"),
        ({"colour": ColourClaim(context={"SHOT": "\udce9"})}, "colour.context.SHOT cannot be sent"),
        (
            {"references": (Reference(frame=10**20),)},
            r"references\[0\].frame is a number of more than 64 bits",
        ),
        (
            {"faces": FaceChoice("point", points=(FacePoint(5.0, 5.0, 10**20),))},
            r"faces.points\[0\].frame is a",
        ),
        ({"faces": FaceChoice("index", indices=(-(2**64),))}, r"faces.indices\[0\] is a number"),
    ],
)
def test_what_no_message_carries_is_named_before_it_is_sent(change: dict[str, Any], complaint: str) -> None:
    found = [problem.message for problem in job_problems(replace(JOB, **change))]
    assert any(re.match(complaint, message) for message in found), found
