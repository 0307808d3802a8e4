"""``svfr clips``: lists of real footage to train with."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..follow import progress_for
from ..output import Output, speaking
from .options import AsJson

if TYPE_CHECKING:
    from svfr_lab.clips.list_file import ClipList

app = typer.Typer(no_args_is_help=True, help="List real footage to train with, and find the faces in it.")


class Layout(StrEnum):
    """The layouts of data sets that can be listed."""

    VFHQ = "vfhq"
    VOXCELEB2 = "voxceleb2"
    CELEBV_TEXT = "celebv-text"


def _ends_as_a_list(out: Path) -> Path:
    if out.suffix != ".jsonl":
        raise typer.BadParameter(f"{out} does not end in .jsonl")
    return out


ListOut = Annotated[
    Path,
    typer.Option("--out", "-o", callback=_ends_as_a_list, help="The list to write, ending in .jsonl."),
]


@app.command("list")
def list_clips(
    folder: Annotated[Path, typer.Argument(help="The data set's folder.")],
    layout: Annotated[Layout, typer.Option("--layout", help="How the data set lies on disk.")],
    out: ListOut,
    held_back: Annotated[
        int,
        typer.Option(
            "--held-back", min=0, metavar="N", help="Hold back all clips of N people, to watch with."
        ),
    ] = 0,
    boxes: Annotated[
        bool, typer.Option("--boxes", help="Take the data set's own face boxes, where they apply.")
    ] = False,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Where alignments are kept. Default: beside the list.")
    ] = None,
    landmarks68: Annotated[
        Path | None,
        typer.Option("--landmarks68", help="A dlib shape predictor of 68 points. None is shipped."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a list of the clips in FOLDER; people are held back whole, never single clips of them."""
    with speaking(as_json) as output:
        from svfr_lab.clips.entries import held_back_by_identity
        from svfr_lab.clips.layouts import read_layout
        from svfr_lab.clips.list_file import read_clip_list, write_clip_list

        entries = held_back_by_identity(read_layout(layout.value, folder, boxes), held_back)
        write_clip_list(out, entries, folder, cache, landmarks68)
        _say_counts(output, out, read_clip_list(out))


@app.command("portraits")
def list_portraits(
    folder: Annotated[Path, typer.Argument(help="A folder of portraits, or of clones of the repositories.")],
    out: ListOut,
    as_json: AsJson = False,
) -> None:
    """Write a list of the portraits in FOLDER; the pictures' hashes decide who is held back, one in seven.

    The people that mini learnt from: git clone CivilServiceUSA/us-house and us-senate into FOLDER.
    """
    with speaking(as_json) as output:
        from svfr_lab.clips import portraits

        found = portraits.list_portraits(folder)
        sources = portraits.sources_of(found)
        portraits.write_portrait_list(out, found, sources)
        train, held = len(found.trained_with), len(found.held_back)
        body = {"path": str(out.absolute()), "train": train, "held_back": held, "sha256": found.sha256}
        output.result("listed", body, f"{out}: {train} portraits to train with, {held} held back.")
        if portraits.UNKNOWN in sources:
            output.note("Whose these pictures are is not known: the list's first line has room to say it.")


@app.command("prepare")
def prepare(
    clip_list: Annotated[Path, typer.Argument(metavar="LIST", help="A list of clips.")],
    as_json: AsJson = False,
) -> None:
    """Find the faces and landmarks of every clip of LIST, once; training does it too, but without a word.

    Stop it at any time: the same command goes on.
    """
    with speaking(as_json) as output:
        from svfr_lab.clips.list_file import read_clip_list
        from svfr_lab.clips.video_clips import Aligner, LeftOut, align_list

        clips = read_clip_list(clip_list)
        progress = progress_for(output)
        left_out: list[LeftOut] = []
        try:
            for each in align_list(
                clips,
                Aligner(clips),
                lambda done, total: progress.show({"stage": "align", "done": done, "total": total}),
            ):
                left_out += [each] if isinstance(each, LeftOut) else []
        finally:
            progress.close()
        rows = [{"line": each.line, "path": str(each.path), "reason": each.reason} for each in left_out]
        if rows:
            output.table("left_out", rows, ("line", "path", "reason"))
        usable = len(clips.entries) - len(left_out)
        body: dict[str, Any] = {"usable": usable, "left_out": len(left_out), "cache": str(clips.cache)}
        output.result("prepared", body, f"{usable} of {len(clips.entries)} clips can be trained with.")


def _say_counts(output: Output, path: Path, clips: "ClipList") -> None:
    counts = {
        split: (
            len([entry for entry in clips.entries if entry.split == split]),
            len({entry.identity for entry in clips.entries if entry.split == split}),
        )
        for split in ("train", "held_back")
    }
    body = {"path": str(path.absolute())} | {
        f"{split}_{what}": number
        for split, numbers in counts.items()
        for what, number in zip(("clips", "identities"), numbers, strict=True)
    }
    (train, people), (held, held_people) = counts["train"], counts["held_back"]
    text = f"{path}: {train} clips of {people} people, and {held} clips of {held_people} held back."
    output.result("listed", body, text)
