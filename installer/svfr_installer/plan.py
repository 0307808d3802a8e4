"""What an installation will do, as a value: files to write and to remove. Carried out it is idempotent."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import write_whole
from svfr_client.json_files import read_json_file
from svfr_client.reasons import reason_of

from .errors import CannotChangeFile, FolderIsNotOurs

NOTE = "installed.json"
NOTE_FORMAT = 1


@dataclass(frozen=True)
class FileChange:
    """One file: its new content, or None to remove it."""

    path: Path
    content: bytes | None

    @property
    def is_needed(self) -> bool:
        """Whether the file differs from what it shall be."""
        if self.content is None:
            return self.path.exists()
        return not (self.path.is_file() and self.path.read_bytes() == self.content)


@dataclass(frozen=True)
class Plan:
    """Changes in order, and what they are in words. ``folder`` is cleared of empty folders afterwards."""

    changes: tuple[FileChange, ...]
    folder: Path | None = None

    def needed(self) -> tuple[FileChange, ...]:
        """Return the changes that are not made yet."""
        return tuple(change for change in self.changes if change.is_needed)

    def describe(self) -> list[str]:
        """Return one line for each folder of new files and for each single file outside it."""
        lines: list[str] = []
        inside = [c for c in self.needed() if self.folder is not None and c.path.is_relative_to(self.folder)]
        for verb, group in (
            ("write", [c for c in inside if c.content is not None]),
            ("remove", [c for c in inside if c.content is None]),
        ):
            if group:
                lines.append(f"{verb} {len(group)} file{'s' if len(group) > 1 else ''} in {self.folder}")
        for change in self.needed():
            if change not in inside:
                verb = "remove" if change.content is None else "change" if change.path.exists() else "write"
                lines.append(f"{verb} {change.path}")
        return lines or ["nothing to do: everything is as it should be"]

    def carry_out(self) -> None:
        """Make the needed changes; raises :class:`~svfr_installer.errors.CannotChangeFile`."""
        for change in self.needed():
            try:
                if change.content is None:
                    change.path.unlink()
                else:
                    _write(change.path, change.content)
            except (OSError, FileCannotBeWritten) as problem:
                cause = problem.__cause__ if isinstance(problem, FileCannotBeWritten) else problem
                raise CannotChangeFile(
                    f"The file could not be changed: {reason_of(cause)}.",
                    path=change.path,
                    remedy="Close the host application and check that you may write there.",
                ) from problem
        if self.folder is not None:
            _remove_empty_folders(self.folder)


def install_folder(folder: Path, files: Mapping[str, bytes], facts: Mapping[str, object]) -> Plan:
    """Return the plan that makes ``folder`` hold exactly ``files`` (relative names) of ours, and the note.

    Files that an earlier installation put there and that are gone now are removed; those of others stay.
    Raises :class:`~svfr_installer.errors.FolderIsNotOurs` for a folder in use that has no note.
    """
    before = _noted(folder)
    note = {"format": NOTE_FORMAT, **facts, "files": sorted(files)}
    changes = [FileChange(folder / name, content) for name, content in sorted(files.items())]
    changes += [FileChange(folder / name, None) for name in sorted(before - set(files))]
    # The note comes last: an installation that was interrupted is simply done again.
    changes.append(FileChange(folder / NOTE, (json.dumps(note, indent=1) + "\n").encode()))
    return Plan(tuple(changes), folder)


def remove_folder(folder: Path) -> Plan:
    """Return the plan that removes what an installation put into ``folder``, and nothing else."""
    names = sorted(_noted(folder))
    return Plan(tuple(FileChange(folder / name, None) for name in [*names, NOTE]), folder)


def read_note(folder: Path) -> dict[str, object]:
    """Return what the last installation noted; empty if there was none."""
    try:
        note = read_json_file(folder / NOTE)
    except FileNotFoundError:
        return {}
    except NotADirectoryError as problem:
        raise FolderIsNotOurs(
            "A file lies where the folder of the installation goes.",
            path=folder,
            remedy="Move the file away and try again, or choose another --prefix.",
        ) from problem
    except OSError as problem:
        raise FolderIsNotOurs(
            f"The note of the last installation cannot be read: {reason_of(problem)}.",
            path=folder / NOTE,
            remedy="See to it that you may read there, and try again.",
        ) from problem
    except ValueError as problem:
        raise FolderIsNotOurs(
            f"The note of the last installation is damaged: {reason_of(problem)}.",
            path=folder / NOTE,
            remedy="Remove the folder and install again.",
        ) from problem
    return dict(note)


def join(plans: Iterable[Plan]) -> Plan:
    """Return one plan of several; the first folder is the one described as a whole."""
    listed = list(plans)
    folder = next((plan.folder for plan in listed if plan.folder is not None), None)
    return Plan(tuple(change for plan in listed for change in plan.changes), folder)


def _noted(folder: Path) -> set[str]:
    note = read_note(folder)
    if not note:
        if folder.is_dir() and any(folder.iterdir()):
            raise FolderIsNotOurs(
                "The folder is in use by something else.", path=folder, remedy="Move it away and try again."
            )
        return set()
    files = note.get("files")
    names = {str(name) for name in files} if isinstance(files, list) else set()
    return {name for name in names if not Path(name).is_absolute() and ".." not in Path(name).parts}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, durable=False)


def _remove_empty_folders(folder: Path) -> None:
    if not folder.is_dir():
        return
    for inner in sorted((p for p in folder.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
        if inner.name == "__pycache__":
            for stale in inner.glob("*.pyc"):
                stale.unlink()
        if not any(inner.iterdir()):
            inner.rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()
