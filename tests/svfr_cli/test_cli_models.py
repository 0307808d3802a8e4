"""The commands of model folders."""

from typer.testing import CliRunner

from svfr.models.search import user_models_folder
from svfr_cli.main import app


def test_the_list_of_models_names_the_folder_for_ones_own() -> None:
    shown = CliRunner().invoke(app, ["model", "list"])
    assert "mini" in shown.stdout and str(user_models_folder()) in shown.stderr
