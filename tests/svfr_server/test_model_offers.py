"""The models that a service tells of: read from their descriptions alone, whatever lies there."""

import json
import os
from pathlib import Path

import pytest
from server_samples import Service

from svfr.models.folder import list_models
from svfr.models.search import SEARCH_VARIABLE
from svfr.models.spec import DiffusionSpec
from svfr_client.client import Client
from svfr_client.protocol.messages import ModelOffer
from svfr_server.checking.model_offers import MOST_MODELS, offered_models


def model(folder: Path, name: str, text: str) -> Path:
    place = folder / name
    place.mkdir(parents=True)
    (place / "model.json").write_text(text)
    return place


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(SEARCH_VARIABLE, str(tmp_path))
    return tmp_path


def offers() -> dict[str, ModelOffer]:
    return {one.name: one for one in offered_models().models}


def test_what_is_told_of_the_shipped_models_is_what_their_descriptions_say() -> None:
    told = offers()
    for listed in list_models():
        spec, offer = listed.spec, told[listed.name]
        assert spec is not None and offer.problem is None
        assert (offer.kind, offer.is_preview, offer.crop_px) == (spec.kind, spec.preview, spec.crop_px)
        if isinstance(spec, DiffusionSpec):
            assert offer.presets == tuple(spec.presets)
            wanted = None if spec.detail is None else {n: spec.detail.presets.of(n) for n in spec.presets}
            assert offer.detail == wanted
            assert offer.uses_seed == any(preset.initial_noise > 0 for preset in spec.presets.values())
    assert told["mini"].makes_references and not told["identity"].makes_references


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "it is no JSON"),
        ("[]", "model.json: "),
        (json.dumps({"kind": "diffusion", "preview": 1, "crop_px": 0}), "preview"),
        (json.dumps({"kind": "other", "preview": True, "crop_px": 8}), "kind"),
        ('{"kind": "probe", "kind": "probe"}', "stands twice"),
        ("[" * 5000, "nested too deeply"),
        (" " * (4 * 1024**2 + 1), "no file of at most"),
    ],
)
def test_a_description_that_cannot_be_read_is_told_with_its_reason(
    folder: Path, text: str, words: str
) -> None:
    model(folder, "broken", text)
    offer = offers()["broken"]
    assert offer.problem is not None and words in offer.problem
    assert (offer.tasks, offer.presets, offer.detail) == ((), (), None)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_a_descriptions_place_is_not_waited_for(folder: Path) -> None:
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / "model.json")
    assert "no file" in str(offers()["pipe"].problem)


def test_more_models_than_an_answer_holds_are_left_out_and_that_is_said(folder: Path) -> None:
    for number in range(MOST_MODELS + 5):
        model(folder, f"m{number:03d}", "{}")
    told = offered_models()
    assert len(told.models) == MOST_MODELS and told.has_more


def test_a_service_tells_its_models_to_a_client(service: Service, client: Client) -> None:
    told = {one.name: one for one in client.models()}
    assert {"mini", "identity", "probe"} <= set(told)
    assert told["mini"].detail is not None and told["identity"].detail is None
