"""Where a page of a result may be written."""

import os
from pathlib import Path

import pytest

from svfr_cli.commands.view import _require_place
from svfr_client.errors import FileCannotBeWritten


@pytest.mark.parametrize(
    "make", [lambda path: path.write_bytes(b"a plate"), os.mkfifo, lambda path: path.mkdir()]
)
def test_what_is_no_page_is_not_replaced_by_one(tmp_path: Path, make) -> None:
    place = tmp_path / "plate.exr"
    make(place)
    with pytest.raises(FileCannotBeWritten):
        _require_place(place)


def test_an_earlier_page_is_replaced_and_a_new_name_taken(tmp_path: Path) -> None:
    page = tmp_path / "shot.html"
    _require_place(page)
    page.write_text("old")
    _require_place(page)
    assert page.read_text() == "old"  # it is only looked at
