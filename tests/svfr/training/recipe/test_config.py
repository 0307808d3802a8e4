from pathlib import Path

import pytest
from tiny_training import CONFIG

import svfr
from svfr.training.detail.recipe import is_detail_recipe, read_detail_config
from svfr.training.errors import RecipeInvalid
from svfr.training.recipe.config import (
    LossWeights,
    PreviewRecipe,
    RunConfig,
    SvdRecipe,
    read_recipe,
    recipe_schema,
)
from svfr.training.reference.recipe import is_reference_recipe, read_reference_config

MINI = Path(svfr.__file__).parent / "training" / "configs" / "mini-fifth.toml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The packaged recipe with one text replaced."""
    text = MINI.read_text()
    assert text.count(old) == 1, old
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace(old, new))
    return path


def test_the_packaged_recipe_is_read_whole() -> None:
    config = read_recipe(MINI)
    assert config.name == "mini"
    assert config.network.widths == (64, 96, 160) and len(config.network.coefficients) == 16
    assert [phase.frames for phase in config.phases] == [2, 4, 8]
    assert config.network.layers == (4, 2, 1) and config.optimiser.kind == "muon"
    assert sum(config.task_shares.values()) == pytest.approx(1.0)


def test_every_missing_and_unknown_key_of_a_table_is_named(tmp_path: Path) -> None:
    path = changed(tmp_path, "crop_px = 96\nwindow = 8\n", "crop_pixels = 96\nspare = 1\n")
    with pytest.raises(ValueError) as caught:
        read_recipe(path)
    message = str(caught.value)
    for key in ("crop_px", "window"):
        assert f"missing key network.{key}" in message
    for key in ("crop_pixels", "spare"):
        assert f"unknown key network.{key}" in message


def test_a_wrong_key_of_a_phase_is_named_with_its_number(tmp_path: Path) -> None:
    path = changed(tmp_path, "frames = 2\n", "frame = 2\n")
    with pytest.raises(ValueError, match=r"missing key phases\.0\.frames; unknown key phases\.0\.frame"):
        read_recipe(path)


def test_wrong_keys_at_the_top_are_named_with_the_file(tmp_path: Path) -> None:
    path = changed(tmp_path, "seed = 1\n", "sed = 1\n")
    with pytest.raises(ValueError, match=r"missing key seed; unknown key sed.*recipe\.toml"):
        read_recipe(path)


def test_an_empty_recipe_names_all_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("")
    with pytest.raises(ValueError, match=r"missing key name.*missing key network"):
        read_recipe(path)


PACKAGED = sorted(
    path for path in MINI.parent.glob("*.toml") if not (is_detail_recipe(path) or is_reference_recipe(path))
)


@pytest.mark.parametrize("path", PACKAGED, ids=lambda path: path.stem)
def test_every_packaged_recipe_is_read(path: Path) -> None:
    recipe = read_recipe(path)
    assert isinstance(recipe, SvdRecipe if path.stem == "full" else PreviewRecipe)
    assert recipe.steps == sum(phase.steps for phase in recipe.phases) > 0


def test_a_recipe_without_phases_is_refused(tmp_path: Path) -> None:
    text = MINI.read_text()
    path = tmp_path / "recipe.toml"
    path.write_text("phases = []\n" + text[: text.index("[[phases]]")])
    with pytest.raises(RecipeInvalid, match="phases must have at least 1 item"):
        read_recipe(path)


def test_what_no_run_from_stable_video_diffusion_does_is_refused(tmp_path: Path) -> None:
    full = (MINI.parent / "full.toml").read_text()
    path = tmp_path / "recipe.toml"
    wrong = full.replace("own_reference_share = 0.0", "own_reference_share = 0.5")
    path.write_text(wrong.replace("noised_share = 1.0", "noised_share = 0.5").replace("[noise]", "[noises]"))
    with pytest.raises(RecipeInvalid) as caught:
        read_recipe(path)
    message = str(caught.value)
    assert "own_reference_share must be less than or equal to 0" in message
    assert "phases.0.noised_share must be greater than or equal to 1" in message
    assert "missing key noise" in message and "unknown key noises" in message


def test_the_schema_knows_both_kinds_of_recipe() -> None:
    schema = recipe_schema()
    assert {"PreviewRecipe", "SvdRecipe"} <= schema["$defs"].keys()
    assert "noise" in schema["$defs"]["SvdRecipe"]["required"]
    assert "noise" not in schema["$defs"]["PreviewRecipe"]["properties"]


def test_steps_find_their_phase() -> None:
    single, video = CONFIG.phases
    assert [CONFIG.phase_at(step) for step in range(CONFIG.steps)] == [single] * 3 + [video] * 3
    assert CONFIG.phase_at(CONFIG.steps + 10) == video


def test_the_learning_rate_warms_up_stays_and_cools_down_to_the_last_step() -> None:
    rate = CONFIG.optimiser.learning_rate
    rates = [CONFIG.learning_rate_at(step) for step in range(CONFIG.steps)]
    assert rates == pytest.approx([rate / 2, rate, rate, rate, rate, rate / 2])
    assert CONFIG.learning_rate_at(CONFIG.steps) == 0.0


def with_more(tmp_path: Path, text: str) -> Path:
    """The packaged recipe of mini with further tables."""
    path = tmp_path / "recipe.toml"
    path.write_text(MINI.read_text() + text)
    return path


def test_without_a_table_of_losses_the_noise_loss_is_alone() -> None:
    config = read_recipe(MINI)
    assert config.losses == LossWeights(1.0, 0.0, 0.0)
    assert config.unified_latent is None and config.facial_prior is None and config.run == RunConfig()


def test_a_table_of_losses_has_the_published_weights_by_default(tmp_path: Path) -> None:
    tables = (
        '[losses]\n[unified_latent]\ndenominator = "negatives"\ntemperature = 0.07\nqueue = 8\nwidth = 8\n'
    )
    tables += "layers = 1\nheads = 2\nembedding = 8\n[facial_prior]\nlandmarks = 5\nwidth = 8\n"
    tables += "units_per_side = 64\nwing_width = 10\nwing_curvature = 2.0\n"
    path = with_more(tmp_path, tables)
    path.write_text(path.read_text().replace('damage = "', 'tasks_per_clip = 2\ndamage = "'))
    config = read_recipe(path)
    assert config.losses == LossWeights(1.0, 0.01, 0.1)
    assert config.unified_latent and config.unified_latent.denominator == "negatives"
    assert config.facial_prior and config.facial_prior.units_per_side == 64


def test_a_loss_without_its_table_or_its_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeInvalid) as caught:
        read_recipe(with_more(tmp_path, "[losses]\n"))
    message = str(caught.value)
    assert "unified_latent needs its table" in message and "facial_prior needs its table" in message
    assert "tasks_per_clip of 2 or more" in message


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[losses]\nnoise = -1.0\n", "losses.noise must be greater than or equal to 0, not -1.0"),
        ("[noise]\nlog_sigma_mean = 0.7\nlog_sigma_std = 1.6\n", "unknown key noise"),
        ("[run]\ngradient_checkpointing = true\n", "unknown key run.gradient_checkpointing"),
        ("[run]\nsave_every_steps = 0\n", "run.save_every_steps must be greater than or equal to 1, not 0"),
        ('[run]\nprecision = "half"\n', "run.precision must be 'auto', 'float32' or 'bfloat16', not 'half'"),
        ("[run]\nlog_every_steps = true\n", "run.log_every_steps must be a valid integer, not True"),
        (
            "[[phases]]\nsteps = 1\nframes = 1\nbatch = 3\nnoised_share = 0.0\ntasks_per_clip = 2\n",
            "no multiple",
        ),
    ],
)
def test_values_that_make_no_recipe_are_refused(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(RecipeInvalid, match=message):
        read_recipe(with_more(tmp_path, table))


def test_values_of_a_wrong_type_are_named(tmp_path: Path) -> None:
    path = changed(tmp_path, "crop_px = 96\nwindow = 8\n", 'crop_px = "96"\nwindow = true\n')
    with pytest.raises(
        RecipeInvalid, match=r"crop_px must be .* not '96'; network\.window must be .* not True"
    ):
        read_recipe(path)


def test_a_recipe_that_is_no_toml_or_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    with pytest.raises(RecipeInvalid, match="cannot be read"):
        read_recipe(path)
    path.write_text("name = [")
    with pytest.raises(RecipeInvalid, match="cannot be read"):
        read_recipe(path)


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "9" * 5000, ".".join("a" * 5000) + " = 1"])
def test_a_file_that_would_break_the_reader_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    assert not is_detail_recipe(path) and not is_reference_recipe(path)
    for read in (read_recipe, read_detail_config, read_reference_config):
        with pytest.raises(RecipeInvalid, match=r"nested too deeply|too many digits"):
            read(path)
