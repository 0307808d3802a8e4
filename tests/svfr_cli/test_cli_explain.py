"""`svfr explain`: what a code means, for whoever has a terminal and no site."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from svfr_cli.error_catalogue import entries, installed_folders
from svfr_cli.exit_codes import ExitCode
from svfr_cli.main import app
from svfr_cli.useful_advice import MOST_SHOWN, foremost, useful


@pytest.mark.parametrize("code", ["NO_FACE", "no_face", "[NO_FACE]"])
def test_a_code_is_explained_as_a_message_shows_it(code: str) -> None:
    done = CliRunner().invoke(app, ["explain", code])
    assert done.exit_code == 0
    assert "No face was detected" in done.stdout and "--box" in done.stdout


def test_all_codes_are_listed_with_their_meaning() -> None:
    done = CliRunner().invoke(app, ["explain", "--json"])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) > 140 and all(row["code"] and row["meaning"] for row in rows)


def test_a_code_that_is_none_leads_to_the_nearest() -> None:
    done = CliRunner().invoke(app, ["explain", "NO_FACES"])
    assert done.exit_code == ExitCode.BAD_INPUT and "NO_FACE" in done.output


@pytest.mark.parametrize("code", ["NO_SERVER_PROGRAM", "NO_SERVER"])
def test_what_a_remedy_names_by_a_constant_is_spelled_out(code: str) -> None:
    shown = CliRunner().invoke(app, ["explain", code]).stdout
    assert "preferences or in SVFR_SERVER" in shown and "in …" not in shown


def test_every_code_is_explained_in_words() -> None:
    """No piece of the sources is among them: no field to fill in, no name of a variable."""
    for code, entry in entries(installed_folders()).items():
        for text in (entry.meaning, *entry.remedies):
            markup = re.search(r"\{\w*(?:[.!:][^{}]*)?\}|%[sd]|``|:\w+:`", text)
            assert text.strip() and not markup, (code, text)


def test_a_code_of_many_messages_is_explained_in_few_lines() -> None:
    shown = CliRunner().invoke(app, ["explain", "BAD_REQUEST"]).stdout.splitlines()
    assert 4 < len(shown) <= 2 + MOST_SHOWN and "fits it" in shown[-1]
    assert not re.search(r"Give it\.|It has|Known:", "\n".join(shown[1:]))


def test_a_colour_space_that_nobody_names_is_explained_with_the_lists_column() -> None:
    shown = CliRunner().invoke(app, ["explain", "UNKNOWN_COLOUR_SPACE"]).stdout
    assert "Neither the job nor the plate says which colour space" in shown
    assert "--colorspace is the column colorspace" in shown and "Choose a space that the config has" in shown


def test_advice_that_says_nothing_without_its_values_is_left_out_where_there_is_other() -> None:
    given = ["Name it. Known: ….", "Give one of ….", "Submit it again: …", "Name at most … in one request."]
    assert useful(given) == ["Name at most … in one request.", "Name it.", "Submit it again: …"]
    assert useful(["Give one of …."]) == ["Give one of …."]
    assert foremost(["Wait.", "Wait for it long.", "Use --box."], 2) == ["Use --box.", "Wait for it long."]


def test_every_code_of_the_farm_advises_something() -> None:
    found = entries(installed_folders())
    of_farm = [code for code in found if "FARM" in code or code == "BAD_SHOT_LIST"]
    assert len(of_farm) > 12 and [code for code in of_farm if not found[code].remedies] == []


def test_all_that_a_remedy_may_be_is_found(tmp_path: Path) -> None:
    (tmp_path / "shared.py").write_text('AGAIN = "Copy it again."\n')
    (tmp_path / "errors.py").write_text('''
from shared import AGAIN

class SvfrError(Exception):
    """The base."""

class BadThing(SvfrError):
    """A thing is bad."""
    code = "BAD_THING"

_NEXT = {"a": "Wait.", "b": "Begin anew."}
_FORM = "Take {0} of {count:d}."

def _other(name):
    return f"Leave {name} out."

def check(state, name):
    remedy = "Give it." if state else "Give another."
    raise BadThing("x", remedy=remedy)

def more(state, name):
    BadThing("x", remedy=AGAIN)
    BadThing("x", remedy=_NEXT.get(state) or _other(name))
    BadThing("x", remedy=_FORM.format(1, count=2))
    BadThing("x", remedy="Put it into " + name + ".")
    BadThing("x", remedy=name)
''')
    assert sorted(entries([tmp_path])["BAD_THING"].remedies) == [
        "Begin anew.",
        "Copy it again.",
        "Give another.",
        "Give it.",
        "Leave … out.",
        "Put it into ….",
        "Take … of ….",
        "Wait.",
    ]
