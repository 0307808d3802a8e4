import json

from typer.testing import CliRunner

from svfr_cli.main import app


def test_the_schema_of_model_descriptions_is_printed() -> None:
    result = CliRunner().invoke(app, ["model", "schema"])
    assert result.exit_code == 0
    assert {"BuiltinSpec", "DiffusionSpec"} <= json.loads(result.stdout)["$defs"].keys()


def test_the_schema_of_recipes_is_printed_without_a_recipe() -> None:
    result = CliRunner().invoke(app, ["train", "--schema"])
    assert result.exit_code == 0
    assert {"PreviewRecipe", "SvdRecipe"} <= json.loads(result.stdout)["$defs"].keys()


def test_training_without_a_recipe_is_refused() -> None:
    assert CliRunner().invoke(app, ["train"]).exit_code == 2
