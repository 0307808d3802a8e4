"""Contact sheets: pictures where they belong, labels that can be read."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from svfr_client.errors import FileCannotBeWritten
from svfr_restore.media.contact_sheet import Cell, write_contact_sheet


def flat(colour: tuple[float, float, float], height: int = 100, width: int = 200) -> np.ndarray:
    return np.full((height, width, 3), colour, np.float32)


def test_a_grid_of_labelled_pictures_is_written(tmp_path: Path) -> None:
    red, green, blue = flat((1, 0, 0)), flat((0, 1, 0)), flat((0, 0, 2.0), 300, 200)
    rows = [[Cell(red, "before"), Cell(green, "after")], [Cell(blue, "truth")]]
    write_contact_sheet(tmp_path / "sheet.png", rows, cell_width_px=160)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1]
    label, gap = 27, 2
    assert sheet.shape == (label + 80 + gap + label + 240 + gap, 2 * (160 + gap), 3)
    assert tuple(sheet[label + 40, 80]) == (255, 0, 0)
    assert tuple(sheet[label + 40, 162 + 80]) == (0, 255, 0)
    assert tuple(sheet[label + 80 + gap + label + 100, 80]) == (0, 0, 255)


@pytest.mark.parametrize("width", [80, 160, 640])
def test_labels_are_bright_tall_and_inside_their_cell(tmp_path: Path, width: int) -> None:
    rows = [
        [Cell(flat((0, 0, 0)), "Track 3, frames 1001-1050, a rather long label"), Cell(flat((0, 0, 0)), "")]
    ]
    write_contact_sheet(tmp_path / "sheet.png", rows, cell_width_px=width)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    label_height = round(max(14, round(width * 0.06)) * 1.9)
    letters = sheet[:label_height].max(axis=2) > 100
    assert letters[:, :width].any() and not letters[:, width:].any()
    rows_with_text = np.flatnonzero(letters.any(axis=1))
    assert rows_with_text.min() > 0 and rows_with_text.max() < label_height - 1


def test_a_short_label_has_letters_of_the_promised_height(tmp_path: Path) -> None:
    write_contact_sheet(tmp_path / "sheet.png", [[Cell(flat((0, 0, 0)), "HE")]], cell_width_px=400)
    letters = cv2.imread(str(tmp_path / "sheet.png"))[:45].max(axis=2) > 100
    rows_with_text = np.flatnonzero(letters.any(axis=1))
    assert 20 <= np.ptp(rows_with_text) + 1 <= 30


def test_nan_and_overbright_values_can_be_shown(tmp_path: Path) -> None:
    picture = flat((np.nan, 5.0, -1.0))
    write_contact_sheet(tmp_path / "sheet.png", [[Cell(picture, "")]], cell_width_px=200)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1]
    assert tuple(sheet[80, 100]) == (0, 255, 0)


def test_a_sheet_of_nothing_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        write_contact_sheet(tmp_path / "sheet.png", [[]])
    with pytest.raises(FileCannotBeWritten):
        write_contact_sheet(tmp_path / "nowhere" / "sheet.png", [[Cell(flat((0, 0, 0)), "")]])
