"""Shot lists: a CSV file with one shot a row, read strictly; everything wrong in it is found together."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from svfr_client.errors import BadJob, ReportedError, SeveralProblems, SvfrError, raise_problems
from svfr_client.face_words import read_face_choice
from svfr_client.job import Box, JobSpec, Reference
from svfr_client.reasons import in_one_line, reason_of
from svfr_farm.errors import ShotListIsBad

MOST_BYTES = 16 * 1024 * 1024
MOST_ROWS = 100_000
REQUIRED = ("shot", "plate", "tasks")
_SHOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True)
class ShotRow:
    """One row of a shot list.

    ``row`` counts lines of the file; the job's frames may be empty, which stands for the whole plate.
    """

    row: int
    name: str
    job: JobSpec

    def fault(self, problem: SvfrError) -> list[SvfrError]:
        """Return a problem of this shot, one by one, with its row and name in front."""
        return at_row(self.row, self.name, problem)


@dataclass(frozen=True)
class ShotList:
    """The rows of a list that make a job, and everything that is wrong in the others."""

    shots: tuple[ShotRow, ...]
    problems: tuple[SvfrError, ...]


def at_row(row: int, name: str, problem: SvfrError) -> list[SvfrError]:
    """Return the single problems of ``problem``, each told with the row and shot it belongs to."""
    found = problem.problems if isinstance(problem, SeveralProblems) else [problem]
    place = f"Row {row} ({name})" if name else f"Row {row}"
    return [
        ReportedError(p.code, f"{place}: {p.message}", frame=p.frame, path=p.path, remedy=p.remedy)
        for p in found
    ]


def read_shot_list(path: Path) -> ShotList:
    """Read a shot list. Relative paths in it count from its own folder.

    Problems of rows are those that need no plate: cells that are no number, box, face choice, reference or
    task, shot names that cannot name a folder, and names that occur twice. Raises ShotListIsBad, or
    SeveralProblems, for a file that is no table of shots: unknown or missing columns, rows of another length
    than the head.
    """
    rows = _rows(path)
    problems: list[SvfrError] = []
    shots: list[ShotRow] = []
    seen: dict[str, int] = {}
    for number, cells in rows:
        name = cells.get("shot", "")
        found, job = _job(cells, path.absolute().parent)
        if not _SHOT.fullmatch(name):
            remedy = "Use letters, digits, dot, dash and underscore, at most 80."
            found.append(ShotListIsBad(f"{name[:80]!r} cannot be the name of a shot.", remedy=remedy))
        elif name.casefold() in seen:
            found.append(ShotListIsBad(f"The shot is in row {seen[name.casefold()]} already."))
        seen.setdefault(name.casefold(), number)
        for problem in found:
            problems += at_row(number, name, problem)
        if job is not None:
            shots.append(ShotRow(number, name, job))
    return ShotList(tuple(shots), tuple(problems))


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return (line number, cells by column) of every row that is not blank."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ShotListIsBad(f"The shot list is larger than {MOST_BYTES} bytes.", path=path)
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as problem:
        raise ShotListIsBad(
            f"The shot list cannot be read: {reason_of(problem)}.",
            path=path,
            remedy="Give a CSV file in UTF-8.",
        ) from problem
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = [(reader.line_num, [cell.strip() for cell in line]) for line in reader]
    except csv.Error as problem:
        raise ShotListIsBad(f"The shot list is no CSV: {in_one_line(problem)}.", path=path) from problem
    lines = [(number, cells) for number, cells in lines if any(cells)]
    if len(lines) < 2 or len(lines) > MOST_ROWS:
        remedy = f"Write a head line ({', '.join(REQUIRED)}, ...) and 1 to {MOST_ROWS} shots below it."
        raise ShotListIsBad("The shot list holds no shot, or too many.", path=path, remedy=remedy)
    head = lines[0][1]
    problems = _head_problems(head, path)
    for number, cells in lines[1:]:
        if len(cells) != len(head):
            text = f"There are {len(cells)} cells, the head line has {len(head)}."
            problems += at_row(number, "", ShotListIsBad(text, path=path))
    raise_problems(problems)
    return [(number, dict(zip(head, cells, strict=True))) for number, cells in lines[1:]]


def _head_problems(head: list[str], path: Path) -> list[SvfrError]:
    known = (*REQUIRED, *_CELLS)
    remedy = f"Known columns: {', '.join(known)}."
    problems: list[SvfrError] = [
        ShotListIsBad(f"The column {name!r} is not known.", path=path, remedy=remedy)
        for name in dict.fromkeys(head)
        if name not in known
    ]
    problems += [
        ShotListIsBad(f"The column {name!r} is there twice.", path=path)
        for name in dict.fromkeys(head)
        if head.count(name) > 1
    ]
    problems += [
        ShotListIsBad(f"The column {name!r} is missing.", path=path) for name in REQUIRED if name not in head
    ]
    return problems


def _job(cells: Mapping[str, str], folder: Path) -> tuple[list[SvfrError], JobSpec | None]:
    """Return what is wrong with the cells of a row, and the job that they make."""
    problems: list[SvfrError] = []
    plate = cells["plate"]
    if not plate:
        problems.append(ShotListIsBad("The shot has no plate."))
    plate = str(folder / plate)
    values: dict[str, Any] = {
        "plate": plate,
        "frames": "",
        "tasks": [task.strip() for task in cells["tasks"].split("+") if task.strip()],
        "output": str(Path(plate).parent / f"{cells['shot']}_svfr" / f"{cells['shot']}.%04d.exr"),
    }
    for column, text in cells.items():
        if text and column in _CELLS:
            try:
                _CELLS[column](values, text, folder)
            except ValueError as problem:
                problems.append(ShotListIsBad(f"{column} is {text[:80]!r}: {in_one_line(problem)}."))
    if cells.get("faces") and cells.get("box"):
        problems.append(ShotListIsBad("faces and box are both given.", remedy="Leave one of them empty."))
    if problems:
        return problems, None
    try:
        return [], JobSpec.from_json(values)
    except SvfrError as problem:
        return [problem], None


_Cell = Callable[[dict[str, Any], str, Path], None]


def _text(field: str) -> _Cell:
    return lambda values, text, folder: values.update({field: text})


def _path(field: str) -> _Cell:
    return lambda values, text, folder: values.update({field: str(folder / Path(text).expanduser())})


def _number(field: str, kind: type[int] | type[float], what: str) -> _Cell:
    def read(values: dict[str, Any], text: str, folder: Path) -> None:
        try:
            values[field] = kind(text)
        except ValueError as problem:
            raise ValueError(f"it should be {what}") from problem

    return read


def _yes_no(values: dict[str, Any], text: str, folder: Path) -> None:
    if text.lower() not in ("yes", "no"):
        raise ValueError("it should be yes or no")
    values["write_handles"] = text.lower() == "yes"


def _faces(values: dict[str, Any], text: str, folder: Path) -> None:
    try:
        choice = read_face_choice(text)
    except BadJob as problem:
        raise ValueError(f"it should be what --faces takes: {problem.remedy}") from problem
    photos = tuple(str(folder / Path(photo).expanduser()) for photo in choice.photos)
    values["faces"] = replace(choice, photos=photos)


def _box(values: dict[str, Any], text: str, folder: Path) -> None:
    try:
        boxes = [Box(*(float(number) for number in part.split())) for part in text.split("+")]
    except (TypeError, ValueError) as problem:
        raise ValueError('it should be "x y width height"') from problem
    values["faces"] = {"mode": "box", "boxes": boxes}


def _reference(values: dict[str, Any], text: str, folder: Path) -> None:
    if text.lstrip("-").isdigit():
        values["references"] = [Reference(frame=int(text))]
    else:
        values["references"] = [Reference(photo=str(folder / Path(text).expanduser()))]


def _colour(field: str) -> _Cell:
    def read(values: dict[str, Any], text: str, folder: Path) -> None:
        colour = values.setdefault("colour", {})
        if field == "exposure_stops":
            _number(field, float, "a number of stops")(colour, text, folder)
        else:
            is_path = field == "config" and not text.startswith("ocio://")
            colour[field] = str(folder / text) if is_path else text

    return read


_CELLS: dict[str, _Cell] = {
    "frames": _text("frames"),
    "output": _path("output"),
    "mask": _path("mask_path"),
    "faces": _faces,
    "box": _box,
    "reference": _reference,
    "crop_tracks": _path("crop_tracks"),
    "colorspace": _colour("space"),
    "ocio": _colour("config"),
    "exposure": _colour("exposure_stops"),
    "model": _text("model"),
    "preset": _text("preset"),
    "seed": _number("seed", int, "a whole number"),
    "sampler": _text("sampler"),
    "missing": _text("missing"),
    "existing": _text("existing"),
    "handles": _number("handles", int, "a whole number"),
    "write_handles": _yes_no,
    "layers": lambda values, text, folder: values.update(layers=text.split("+")),
    "feather": _number("feather", float, "a number"),
    "priority": _number("priority", int, "a whole number"),
}
