from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from svfr.validation import (
    Finite,
    PositiveInt,
    Strict,
    problems_of,
    read_json,
    read_strictly,
    read_toml,
    sentences_of,
)
from svfr_client.errors import BadJob
from svfr_client.reasons import reason_of


@dataclass(frozen=True)
class Disc(Strict):
    radius_px: PositiveInt
    kind: Literal["disc"] = "disc"


@dataclass(frozen=True)
class Bar(Strict):
    side_px: Finite
    kind: Literal["bar"] = "bar"

    def __post_init__(self) -> None:
        if self.side_px > 100.0:
            raise ValueError("side_px is larger than the sheet")


@dataclass(frozen=True, kw_only=True)
class Sheet(Strict):
    name: str
    marks: tuple[Annotated[Disc | Bar, Field(discriminator="kind")], ...]
    sizes: Mapping[str, int]


SHEET = TypeAdapter(Sheet)
GOOD = {"name": "a", "marks": [{"kind": "disc", "radius_px": 3}], "sizes": {"x": 1}}


def sentences(body: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        read_strictly(SHEET, body)
    return sentences_of(caught.value, body)


def test_a_document_becomes_the_dataclass_it_describes() -> None:
    assert read_strictly(SHEET, GOOD) == Sheet(name="a", marks=(Disc(3),), sizes={"x": 1})


def test_all_mistakes_are_named_at_once_with_their_places() -> None:
    marks = [{"kind": "disc", "radius_px": 0}, {"kind": "bar", "side": 1}, {"kind": "ring"}, {"radius_px": 1}]
    assert sentences({"name": 1, "marks": marks, "sizes": {"x": 1.5}, "colour": "red"}) == [
        "name must be a valid string, not 1",
        "marks.0.radius_px must be greater than or equal to 1, not 0",
        "missing key marks.1.side_px",
        "unknown key marks.1.side",
        "marks.2.kind must be one of 'disc', 'bar', not 'ring'",
        "missing key marks.3.kind",
        "sizes.x must be a valid integer, not 1.5",
        "unknown key colour",
    ]


def test_a_contradiction_within_a_value_is_named_at_its_place() -> None:
    bad = GOOD | {"marks": [{"kind": "bar", "side_px": 200}]}
    assert sentences(bad) == ["marks.0: side_px is larger than the sheet"]


@pytest.mark.parametrize("body", [[], 3, "text", None])
def test_a_document_of_another_form_is_refused(body: object) -> None:
    assert sentences(body)[0].startswith("the document must be an object")


def test_nan_is_no_finite_number_and_a_boolean_no_integer() -> None:
    assert "finite" in sentences(GOOD | {"marks": [{"kind": "bar", "side_px": float("nan")}]})[0]
    assert sentences(GOOD | {"sizes": {"x": True}}) == ["sizes.x must be a valid integer, not True"]


def test_long_values_and_places_are_cut_short() -> None:
    found = sentences(GOOD | {"name": ["x" * 1000], "y" * 1000: 1})
    assert all(len(sentence) < 300 for sentence in found)


def test_every_mistake_becomes_an_error_that_is_told_where() -> None:
    with pytest.raises(ValidationError) as caught:
        read_strictly(SHEET, {"name": "a"})
    problems = problems_of(caught.value, BadJob, {"name": "a"}, path="sheet.json", remedy="Fix it.")
    assert [problem.message for problem in problems] == ["missing key marks.", "missing key sizes."]
    assert {type(p) for p in problems} == {BadJob} and {p.path for p in problems} == {"sheet.json"}


DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("read", "text", "reason"),
    [
        (read_json, "[" * 100_000, "nested too deeply"),
        (read_json, "[" * 150 + "]" * 150, "nested too deeply"),
        (read_json, '{"a": ' + DIGITS + "}", "too many digits"),
        (read_json, '{"a": {"b": 1, "c": 2, "b": 3}}', "the key 'b' stands twice"),
        (read_json, "{", "no JSON"),
        (read_toml, "a = " + "[" * 100_000, "nested too deeply"),
        (read_toml, ".".join("a" * 5000) + " = 1", "nested too deeply"),
        (read_toml, f"a = {DIGITS}", "too many digits"),
        (read_toml, "a = 0x" + DIGITS, "too many digits"),
        (read_toml, "a = [", "no TOML"),
    ],
)
def test_a_text_that_would_break_a_reader_is_refused_with_a_reason(
    read: Callable[[str], object], text: str, reason: str
) -> None:
    with pytest.raises(ValueError) as caught:
        read(text)
    assert reason in reason_of(caught.value)


def test_an_ordinary_document_is_read() -> None:
    deep: object = 2**64
    for _ in range(98):
        deep = [deep]
    assert read_json(json.dumps({"a": deep})) == {"a": deep}
    assert read_toml("a.b = [1, 2.5]") == {"a": {"b": [1, 2.5]}}
