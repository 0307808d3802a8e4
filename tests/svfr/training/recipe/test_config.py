from pathlib import Path

import pytest
from tiny_training import CONFIG

import svfr
from svfr.training.errors import RecipeInvalid
from svfr.training.recipe.config import LossWeights, RunConfig, read_config

MINI = Path(svfr.__file__).parent / "training" / "configs" / "mini-fifth.toml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The packaged recipe with one text replaced."""
    text = MINI.read_text()
    assert text.count(old) == 1, old
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace(old, new))
    return path


def test_the_packaged_recipe_is_read_whole() -> None:
    config = read_config(MINI)
    assert config.name == "mini"
    assert config.network.widths == (64, 96, 160) and len(config.network.coefficients) == 16
    assert [phase.frames for phase in config.phases] == [2, 4, 8]
    assert config.network.layers == (4, 2, 1) and config.optimiser.kind == "muon"
    assert sum(config.task_shares.values()) == pytest.approx(1.0)


def test_every_missing_and_unknown_key_of_a_table_is_named(tmp_path: Path) -> None:
    path = changed(tmp_path, "crop_px = 96\nwindow = 8\n", "crop_pixels = 96\nspare = 1\n")
    with pytest.raises(ValueError) as caught:
        read_config(path)
    message = str(caught.value)
    assert "[network]" in message
    assert "missing ['crop_px', 'window']" in message
    assert "unknown ['crop_pixels', 'spare']" in message


def test_a_wrong_key_of_a_phase_is_named_with_its_number(tmp_path: Path) -> None:
    path = changed(tmp_path, "frames = 2\n", "frame = 2\n")
    with pytest.raises(ValueError, match=r"\[\[phases\]\] 0: missing \['frames'\], unknown \['frame'\]"):
        read_config(path)


def test_wrong_keys_at_the_top_are_named_with_the_file(tmp_path: Path) -> None:
    path = changed(tmp_path, "seed = 1\n", "sed = 1\n")
    with pytest.raises(ValueError, match=r"recipe\.toml: missing \['seed'\], unknown \['sed'\]"):
        read_config(path)


def test_an_empty_recipe_names_all_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("")
    with pytest.raises(ValueError, match=r"\[network\]: missing .*crop_px.*widths"):
        read_config(path)


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
    config = read_config(MINI)
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
    config = read_config(path)
    assert config.losses == LossWeights(1.0, 0.01, 0.1)
    assert config.unified_latent and config.unified_latent.denominator == "negatives"
    assert config.facial_prior and config.facial_prior.units_per_side == 64


def test_a_loss_without_its_table_or_its_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeInvalid) as caught:
        read_config(with_more(tmp_path, "[losses]\n"))
    message = str(caught.value)
    assert "unified_latent needs its table" in message and "facial_prior needs its table" in message
    assert "tasks_per_clip of 2 or more" in message


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[losses]\nnoise = -1.0\n", r"\[losses\]: weights of losses must not be negative"),
        ("[noise]\nlog_sigma_mean = 0.7\nlog_sigma_std = 1.6\n", "table noise is for svd networks"),
        ("[run]\ngradient_checkpointing = true\n", "gradient_checkpointing is for svd networks"),
        ("[run]\nsave_every_steps = 0\n", r"\[run\]: .*must be positive"),
        ('[run]\nprecision = "half"\n', r"\[run\]: values of a wrong type: precision = 'half'"),
        ("[run]\ngradient_checkpointing = 1\n", "gradient_checkpointing = 1"),
        (
            "[[phases]]\nsteps = 1\nframes = 1\nbatch = 3\nnoised_share = 0.0\ntasks_per_clip = 2\n",
            "no multiple",
        ),
    ],
)
def test_values_that_make_no_recipe_are_refused(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(RecipeInvalid, match=message):
        read_config(with_more(tmp_path, table))


def test_values_of_a_wrong_type_are_named(tmp_path: Path) -> None:
    path = changed(tmp_path, "crop_px = 96\nwindow = 8\n", 'crop_px = "96"\nwindow = true\n')
    with pytest.raises(RecipeInvalid, match=r"crop_px = '96', window = True"):
        read_config(path)


def test_a_recipe_that_is_no_toml_or_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    with pytest.raises(RecipeInvalid, match="cannot be read"):
        read_config(path)
    path.write_text("name = [")
    with pytest.raises(RecipeInvalid, match="cannot be read"):
        read_config(path)
