"""Shot lists: a CSV file with one shot a row, read strictly; everything wrong in it is found together."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from svfr_client.errors import BadJob, ReportedError, SeveralProblems, SvfrError, each_of, raise_problems
from svfr_client.face_words import read_face_choice
from svfr_client.files import open_regular
from svfr_client.frames import frame_count
from svfr_client.job import Box, FaceChoice, JobSpec, Reference
from svfr_client.job_checks import MAX_TEXT, NUMBER_LIMITS
from svfr_client.reasons import in_one_line, reason_of
from svfr_client.vocabulary import (
    EXISTING_POLICIES,
    LAYERS,
    MISSING_POLICIES,
    SAMPLERS,
    TASKS,
    unknown_word,
)
from svfr_farm.errors import ShotListIsBad

MOST_BYTES = 16 * 1024 * 1024
MOST_ROWS = 100_000
# Shots are compared file by file; nobody's show of a list is longer.
MOST_LISTED_FRAMES = 1_000_000
_MOST_NAMED = 20  # unknown columns
# By the number of lines.
_TOO_FEW = {0: "The shot list is empty.", 1: "The shot list has a head line and no shot below it."}
_SEPARATORS = (",", ";", "\t")
_FACE_CELLS = ("faces", "box")
# Looked at in place of faces that a wrong cell asked for: it needs no detector.
_WHOLE = FaceChoice(mode="frame")
REQUIRED = ("shot", "plate", "tasks")
_OPTION = re.compile(r"--([a-z][a-z-]+)(?: ([A-Z]\w+))?")
_REMEDIES = {
    "FRAME_MISSING": "Render the frame, leave it out of the column frames, or put hold or skip into the "
    "column missing."
}
_COLUMN_OF = {"task": "tasks", "face": "faces", "layer": "layers"}
_DEVICE_NAMES = ("con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10)))
_SHOT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,78}[A-Za-z0-9_-])?")  # Windows drops a dot at the end


class RowProblem(ReportedError):
    """A problem of one row of a shot list.

    ``row`` is the line in which it begins.
    """

    def __init__(self, row: int, code: str, message: str, **where: Any) -> None:
        super().__init__(code, message, **where)
        self.row = row


@dataclass(frozen=True)
class ShotRow:
    """One row of a shot list.

    ``row`` is the line of the file in which it begins; the job's frames may be empty, which stands for the
    whole plate. Of a row that is not ``is_sound`` the wrong cells are left out of the job, which is there to
    be looked at for what else is wrong with it; its plate may be empty.
    """

    row: int
    name: str
    job: JobSpec
    is_sound: bool = True

    def fault(self, problem: SvfrError) -> list[SvfrError]:
        """Return a problem of this shot, one by one, with its row and name in front."""
        return at_row(self.row, self.name, problem)


@dataclass(frozen=True)
class ShotList:
    """The rows of a list, and everything wrong in it that can be seen without opening a plate.

    ``sha256`` is of the file's bytes.
    """

    shots: tuple[ShotRow, ...]
    problems: tuple[SvfrError, ...]
    sha256: str


def at_row(row: int, name: str, problem: SvfrError) -> list[SvfrError]:
    """Return the single problems of ``problem``, each told with the row and shot it belongs to."""
    place = f"Row {row} ({name})" if name else f"Row {row}"
    return [
        RowProblem(row, p.code, f"{place}: {p.message}", frame=p.frame, path=p.path, remedy=by_column(p))
        for p in each_of(problem)
    ]


def by_column(problem: SvfrError) -> str:
    """Return a remedy with the list's columns in place of the options of a command that restores one shot."""
    return _REMEDIES.get(problem.code) or _OPTION.sub(_column, problem.remedy or "")


def columns_of(remedies: Iterable[str]) -> dict[str, str]:
    """Return the columns of a list that stand for the options which remedies name, by option."""
    found = [option for text in remedies for option in _OPTION.finditer(text)]
    return {f"--{option[1]}": name for option in found if (name := _column_name(option))}


def _column(option: re.Match[str]) -> str:
    name = _column_name(option)
    return f"{option[2] or ''} in the column {name}".strip() if name else option[0]


def _column_name(option: re.Match[str]) -> str | None:
    name = _COLUMN_OF.get(option[1], option[1].replace("-", "_"))
    return name if name in _CELLS or name == "shot" else None


def read_shot_list(path: Path) -> ShotList:
    """Read a shot list. Relative paths in it count from its own folder.

    Problems are those that need no plate: unknown, missing and repeated columns, rows of another length than
    the head, cells that are no number, box, face choice or reference, shot names that cannot name a folder,
    and names that occur twice. Every row is read whatever is wrong with others. Raises ShotListIsBad for a
    file that is no table at all, and for one that names more than ``MOST_LISTED_FRAMES`` frames.
    """
    data = _bytes(path)
    (_, head), *rows = _table(data, path)
    problems = _head_problems(head, path)
    shots: list[ShotRow] = []
    seen: dict[str, int] = {}
    for number, cells in rows:
        if len(cells) != len(head):
            text = f"There are {len(cells)} cells, the head line has {len(head)}."
            remedy = "Write one cell for each column; a cell with the separator in it goes into quotes."
            problems += at_row(number, "", ShotListIsBad(text, path=path, remedy=remedy))
            continue
        shot, found = _shot(number, dict(zip(reversed(head), reversed(cells), strict=True)), path, seen)
        problems += shot.fault(found)
        shots.append(shot)
    asked = sum(_frames_asked(shot.job) for shot in shots)
    if asked > MOST_LISTED_FRAMES:
        text = f"The shot list names {asked} frames with their handles, more than {MOST_LISTED_FRAMES}."
        raise ShotListIsBad(text, path=path, remedy="Split it into several lists.")
    return ShotList(tuple(shots), tuple(problems), hashlib.sha256(data).hexdigest())


def _frames_asked(job: JobSpec) -> int:
    """Return how many frames a row names, 0 where it names none or is wrong; none of them is written out."""
    try:
        return frame_count(job.frames) + 2 * job.handles
    except SvfrError:
        return 0


def list_sha256(path: Path) -> str:
    """Return the hash of a list's bytes. Raises ShotListIsBad when it cannot be read."""
    return hashlib.sha256(_bytes(path)).hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as problem:
        text = f"The shot list cannot be read: {reason_of(problem)}."
        raise ShotListIsBad(text, path=path, remedy="Give the path of a CSV file.") from problem
    if len(data) > MOST_BYTES:
        text = f"The shot list is larger than {MOST_BYTES} bytes."
        raise ShotListIsBad(text, path=path, remedy="Split it into several lists.")
    return data


def _table(data: bytes, path: Path) -> list[tuple[int, list[str]]]:
    """Return (first line, cells) of every row that is not blank, the head first, and at least one more.

    What joins the cells is what the head says: a comma, a semicolon as spreadsheets write it where a comma
    is in numbers, or a tab. Empty cells at the end of a row are left out beyond the head's last column.
    """
    try:
        text = data.decode("utf-8-sig")
    except ValueError as problem:
        remedy = "Save it as CSV in UTF-8."
        raise ShotListIsBad("The shot list is not UTF-8.", path=path, remedy=remedy) from problem
    if "\0" in text:
        raise ShotListIsBad("The shot list holds null bytes.", path=path, remedy="Save it as CSV in UTF-8.")
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    joined_by = max(_SEPARATORS, key=first_line.count)
    lines: list[tuple[int, list[str]]] = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=joined_by, strict=True)
        before = 0
        for line in reader:
            lines.append((before + 1, [cell.strip() for cell in line]))
            before = reader.line_num
    except csv.Error as problem:
        remedy = "Save it as CSV again; quotes that are opened must be closed."
        text = f"The shot list is no CSV: {in_one_line(problem)}."
        raise ShotListIsBad(text, path=path, remedy=remedy) from problem
    lines = [(number, cells) for number, cells in lines if any(cells)]
    if not 2 <= len(lines) <= MOST_ROWS + 1:
        text = _TOO_FEW.get(len(lines), f"The shot list has {len(lines) - 1} shots, too many for one.")
        remedy = f"Write a head line ({', '.join(REQUIRED)}, ...) and 1 to {MOST_ROWS} shots below it."
        raise ShotListIsBad(text, path=path, remedy=remedy)
    head = lines[0][1]
    while not head[-1]:
        head.pop()
    head[:] = [name.casefold() if name.casefold() in _known() else name for name in head]
    for _, cells in lines[1:]:
        while len(cells) > len(head) and not cells[-1]:
            cells.pop()
    return lines


def _known() -> tuple[str, ...]:
    """Return the names of all columns, those that every list has first."""
    return tuple(dict.fromkeys((*REQUIRED, *_CELLS)))


def _head_problems(head: list[str], path: Path) -> list[SvfrError]:
    """Return what is wrong with the head, all wrong names in one problem with those that are known."""
    known = _known()
    strange = [name for name in dict.fromkeys(head) if name not in known]
    lacking = [name for name in REQUIRED if name not in head]
    problems: list[SvfrError] = [
        ShotListIsBad(f"The column {name[:80]!r} is there twice.", path=path, remedy="Leave one of them out.")
        for name in dict.fromkeys(head)
        if head.count(name) > 1
    ]
    texts = [
        f"The column {name[:80]!r} is not known{_nearest(name, known)}." for name in strange[:_MOST_NAMED]
    ]
    texts += [f"{len(strange) - _MOST_NAMED} more are not known."] if len(strange) > _MOST_NAMED else []
    texts += [f"The column {name!r} is missing." for name in lacking]
    if texts:
        remedy = f"Known columns: {', '.join(known)}."
        problems.append(ShotListIsBad(" ".join(texts), path=path, remedy=remedy))
    return problems


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name[:80].casefold(), known, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _shot(
    row: int, cells: Mapping[str, str], path: Path, seen: dict[str, int]
) -> tuple[ShotRow, SeveralProblems]:
    """Return a row's shot and what is wrong with its cells; its name is added to those ``seen``."""
    name = cells.get("shot", "")
    job, found = _job(cells, path.absolute().parent)
    is_device = name.split(".")[0].casefold() in _DEVICE_NAMES
    if is_device:
        remedy = "Give another name: on Windows this one is a device's, which no folder can have."
        found.append(ShotListIsBad(f"{name[:80]!r} cannot be the name of a shot.", remedy=remedy))
    if "shot" in cells and not is_device and not _SHOT.fullmatch(name):
        remedy = "Use letters, digits, dot, dash and underscore, at most 80, with no dot at the end."
        found.append(ShotListIsBad(f"{name[:80]!r} cannot be the name of a shot.", remedy=remedy))
    elif name and name.casefold() in seen:
        found.append(
            ShotListIsBad(
                f"The shot is in row {seen[name.casefold()]} already.", remedy="Give each shot a name."
            )
        )
    if name:
        seen.setdefault(name.casefold(), row)
    is_sound = not found and all(column in cells for column in REQUIRED)
    return ShotRow(row, name[:80], job, is_sound), SeveralProblems(found)


def _job(cells: Mapping[str, str], folder: Path) -> tuple[JobSpec, list[SvfrError]]:
    """Return the job that a row's sound cells make, and what is wrong with the others."""
    problems: list[SvfrError] = []
    if not cells.get("plate", "?"):
        problems.append(ShotListIsBad("The shot has no plate.", remedy="Give a path."))
    values: dict[str, Any] = {"plate": "", "frames": "", "tasks": ()}
    for column, text in {"tasks": "bfr", **cells}.items():
        if text and column in _CELLS and len(text) > MAX_TEXT:
            problems.append(
                ShotListIsBad(
                    f"{column} has {len(text)} characters.", remedy=f"A cell has at most {MAX_TEXT}."
                )
            )
        elif text and column in _CELLS:
            try:
                _CELLS[column](values, text, folder)
            except SvfrError as problem:
                problems.append(problem)
            except ValueError as problem:
                values["faces"] = _WHOLE if column in _FACE_CELLS else values.get("faces", FaceChoice())
                text = f"{column} is {text[:80]!r}: {in_one_line(problem)}."
                problems.append(ShotListIsBad(text, remedy="Change the cell."))
    if cells.get("faces") and cells.get("box"):
        problems.append(ShotListIsBad("faces and box are both given.", remedy="Leave one of them empty."))
    name, beside = cells.get("shot", ""), Path(values["plate"] or folder / "plate").parent
    values.setdefault("output", str(beside / f"{name}_svfr" / f"{name}.%04d.exr"))
    return JobSpec.from_json(values), problems


_Cell = Callable[[dict[str, Any], str, Path], None]
"""Puts a cell's value into those of the job. Raises ValueError, or BadJob when its sound part was put in."""


def _text(field: str) -> _Cell:
    return lambda values, text, folder: values.update({field: text})


def _word(field: str, known: Sequence[str]) -> _Cell:
    def read(values: dict[str, Any], text: str, folder: Path) -> None:
        if text not in known:
            raise unknown_word(field, text[:80], known)
        values[field] = text

    return read


def _words(field: str, known: Sequence[str]) -> _Cell:
    def read(values: dict[str, Any], text: str, folder: Path) -> None:
        given = [word.strip() for word in text.split("+") if word.strip()]
        values[field] = [word for word in given if word in known] or known[:1]
        raise_problems([unknown_word(field, word[:80], known) for word in given if word not in known])

    return read


def _path(field: str) -> _Cell:
    return lambda values, text, folder: values.update({field: _place(text, folder)})


def _place(text: str, folder: Path) -> str:
    """Return a path of the list; a relative one counts from its folder."""
    try:
        return str(folder / Path(text).expanduser())
    except RuntimeError as problem:
        raise ValueError("this machine has no such user") from problem


def _number(field: str, kind: type[int] | type[float], what: str) -> _Cell:
    low, high = NUMBER_LIMITS[field]

    def read(values: dict[str, Any], text: str, folder: Path) -> None:
        try:
            value = kind(text)
        except ValueError as problem:
            raise ValueError(f"it should be {what}") from problem
        if not low <= value <= high:  # NaN neither
            raise ValueError(f"it should be {what} from {low} to {high}")
        values[field] = value

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
    photos = tuple(_place(photo, folder) for photo in choice.photos)
    values["faces"] = replace(choice, photos=photos)


def _box(values: dict[str, Any], text: str, folder: Path) -> None:
    try:
        boxes = [Box(*(float(number) for number in part.split())) for part in text.split("+")]
    except (TypeError, ValueError) as problem:
        raise ValueError('it should be "x y width height"') from problem
    values["faces"] = {"mode": "box", "boxes": boxes}


def _reference(values: dict[str, Any], text: str, folder: Path) -> None:
    if re.fullmatch("-?[0-9]{1,9}", text):
        values["references"] = [Reference(frame=int(text))]
    else:
        values["references"] = [Reference(photo=_place(text, folder))]


def _colour(field: str) -> _Cell:
    def read(values: dict[str, Any], text: str, folder: Path) -> None:
        colour = values.setdefault("colour", {})
        if field == "exposure_stops":
            _number("exposure_stops", float, "a number of stops")(colour, text, folder)
        else:
            is_path = field == "config" and not text.startswith("ocio://")
            colour[field] = _place(text, folder) if is_path else text

    return read


_CELLS: dict[str, _Cell] = {
    "plate": _path("plate"),
    "tasks": _words("tasks", TASKS),
    "frames": lambda values, text, folder: values.update(frames=text.replace("+", ",")),
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
    "sampler": _word("sampler", SAMPLERS),
    "missing": _word("missing", MISSING_POLICIES),
    "existing": _word("existing", EXISTING_POLICIES),
    "handles": _number("handles", int, "a whole number"),
    "write_handles": _yes_no,
    "layers": _words("layers", LAYERS),
    "feather": _number("feather", float, "a number"),
    "priority": _number("priority", int, "a whole number"),
}
