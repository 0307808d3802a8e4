from pathlib import Path

import pytest
from tiny_training import CONFIG

import svfr
from svfr.training.config import read_config

MINI = Path(svfr.__file__).parent / "training" / "configs" / "mini.toml"


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
    assert [phase.frames for phase in config.phases] == [1, 8]
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
    path = changed(tmp_path, "frames = 8\n", "frame = 8\n")
    with pytest.raises(ValueError, match=r"\[\[phases\]\] 1: missing \['frames'\], unknown \['frame'\]"):
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
