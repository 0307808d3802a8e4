import dataclasses
import json

import pytest

from svfr.errors import ModelSpecInvalid
from svfr.models.spec import BuiltinSpec, DiffusionSpec, FileRecord, Preset, spec_from_json, spec_schema

BODY = {
    "format": 1,
    "name": "mini",
    "kind": "diffusion",
    "preview": True,
    "crop_px": 96,
    "window": 8,
    "overlap": 3,
    "hole_plane": False,
    "latent_channels": 2,
    "codec": {"kind": "linear_patch", "coefficients": [0, 5], "mean": [0.0, 0.1], "std": [1.0, 2.0]},
    "unet": {
        "in_channels": 6,
        "out_channels": 2,
        "cross_attention_dim": 64,
        "addition_time_embed_dim": 32,
        "projection_class_embeddings_input_dim": 96,
    },
    "objective": {"kind": "residual", "sigma_data": 0.5},
    "schedule": {"kind": "karras", "sigma_min": 0.05, "sigma_max": 20.0, "rho": 7},
    "identity": {"kind": "conv", "channels": 64, "widths": [24, 32, 48]},
    "hole_fill": "telea",
    "presets": {
        name: {"reference_steps": 1, "steps": 1, "initial_noise": 0.0, "guidance": 1.0, "sigmas": None}
        for name in ("draft", "standard", "final")
    },
    "files": {"unet.safetensors": {"sha256": "ab", "bytes": 12}},
    "licence": "Apache-2.0",
    "training": {"steps": 1000},
}


def changed(path: str, value: object) -> dict:
    """Return BODY with the entry at a dotted path set, or removed when the value is Ellipsis."""
    body = json.loads(json.dumps(BODY))
    *parents, last = path.split(".")
    place = body
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return body


def problems_of(body: object) -> str:
    with pytest.raises(ModelSpecInvalid) as caught:
        spec_from_json(body, "there/model.json")
    assert caught.value.path == "there/model.json"
    return "; ".join(caught.value.problems)


def test_a_spec_survives_the_way_through_json() -> None:
    spec = spec_from_json(BODY)
    assert isinstance(spec, DiffusionSpec)
    assert spec.presets["draft"] == Preset(1, 1, initial_noise=0.0, guidance=1.0)
    assert spec.files == {"unet.safetensors": FileRecord("ab", 12)}
    assert spec_from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_a_preset_with_its_own_sigmas_survives_the_way_through_json() -> None:
    spec = spec_from_json(BODY)
    preset = Preset(2, 2, initial_noise=1.0, guidance=2.0, sigmas=(700.0, 54.5))
    spec = dataclasses.replace(spec, presets=dict(spec.presets, draft=preset))
    assert spec_from_json(spec.to_json()).presets["draft"] == preset  # type: ignore[union-attr]


def test_a_preset_that_saves_work_says_so_and_survives_the_way_through_json() -> None:
    spec = spec_from_json(BODY)
    preset = Preset(6, 8, initial_noise=1.0, guidance=2.0, sigma_start=5.0, guidance_every=2, deep_every=3)
    spec = dataclasses.replace(spec, presets=dict(spec.presets, draft=preset))
    assert preset.is_experimental and not spec.presets["final"].is_experimental
    assert spec_from_json(spec.to_json()).presets["draft"] == preset  # type: ignore[union-attr]


def test_levels_of_a_presets_own_have_their_own_start() -> None:
    draft = {**BODY["presets"]["draft"], "sigmas": [9.0], "sigma_start": 5.0}  # type: ignore[index]
    assert "sigma_start has no use beside sigmas" in problems_of(changed("presets.draft", draft))


def test_what_a_description_leaves_open_is_left_out_again() -> None:
    assert "shortest_window" not in spec_from_json(BODY).to_json()
    assert spec_from_json(BODY | {"shortest_window": 4}).to_json()["shortest_window"] == 4


def test_the_built_in_kinds_need_no_network_entries() -> None:
    keys = ("format", "name", "preview", "crop_px", "hole_fill", "licence")
    body = {key: BODY[key] for key in keys} | {"kind": "probe"}
    spec = spec_from_json(body)
    assert isinstance(spec, BuiltinSpec) and spec.planes == 3
    assert spec.to_json() == body


def test_all_unknown_and_missing_keys_are_named_at_once() -> None:
    body = changed("codec.std", ...)
    body["flavour"] = "red"
    body["schedule"]["rhoo"] = 7
    del body["window"], body["presets"]["final"]
    problems = problems_of(body)
    for text in (
        "unknown key flavour",
        "unknown key schedule.rhoo",
        "missing key window",
        "missing key codec.std",
        "missing key presets.final",
    ):
        assert text in problems
    assert "presets.final." not in problems


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("format", 2, "format 2 is not known"),
        ("kind", "gan", "kind must be one of 'identity', 'probe', 'diffusion', not 'gan'"),
        ("preview", 1, "preview must be a valid boolean, not 1"),
        ("crop_px", 96.0, "crop_px must be a valid integer, not 96.0"),
        ("crop_px", True, "crop_px must be a valid integer, not True"),
        ("crop_px", 98, "crop_px must be a multiple of 4"),
        ("window", 0, "window must be greater than or equal to 1, not 0"),
        ("unet.block_out_channels", [10**7], "more elements than kernels can count"),
        ("presets.standard.largest_crop_px", 8, "largest_crop_px must not be below crop_px"),
        ("precision", {"unet": "float8"}, "precision.unet must be 'float32', 'float16' or 'bfloat16'"),
        ("precision", "float16", "precision must be an object, not 'float16'"),
        ("precision", {"encode": "float16"}, "unknown key precision.encode"),
        ("presets.draft.deep_every", 0, "deep_every must be greater than or equal to 1"),
        ("presets.draft.deep_every", 1.5, "deep_every must be a valid integer"),
        ("presets.draft.deep_every", 2, "deep_every must not be larger than steps and reference_steps"),
        ("presets.draft.guidance_every", True, "guidance_every must be a valid integer"),
        ("presets.draft.guidance_every", 2, "guidance_every needs a guidance other than 1"),
        ("presets.draft.guidance_every", 2, "guidance_every must not be larger than steps"),
        ("presets.draft.sigma_start", 20.5, "sigma_start must be above schedule.sigma_min and not above"),
        ("presets.draft.sigma_start", 0.05, "sigma_start must be above schedule.sigma_min"),
        ("presets.draft.sigma_start", -1.0, "sigma_start must be greater than 0"),
        ("presets.draft.steps_kept", 2, "unknown key presets.draft.steps_kept"),
        ("shortest_window", 9, "shortest_window must not be larger than window"),
        ("shortest_window", 0, "shortest_window must be greater than or equal to 1"),
        ("overlap", 8, "overlap must be smaller than window"),
        ("codec", "linear", "codec must be an object, not 'linear'"),
        ("codec.mean", [0.0], "codec: coefficients, mean and std must be of one length"),
        ("codec.std", [1.0, 0.0], "codec.std.1 must be greater than 0, not 0.0"),
        ("codec.coefficients", [0, 48], "codec.coefficients.1 must be less than 48, not 48"),
        ("codec", {"kind": "kl_temporal", "config": {}}, "codec.config: block_out_channels must be a list"),
        (
            "identity",
            {"kind": "iresnet100", "channels": 64, "widths": [4], "layers": [1], "id_crop": "official"},
            "identity.layers must have at least 4 items",
        ),
        ("unet.addition_time_embed_dim", "x", "must be 3 x addition_time_embed_dim"),
        ("codec.std", [1.0, "x"], "codec.std.1 must be a valid number, not 'x'"),
        ("unet.in_channels", 4, "unet.in_channels must be 6"),
        ("unet.out_channels", 4, "unet.out_channels must be 2"),
        ("identity.channels", 32, "identity.channels must be unet.cross_attention_dim"),
        ("identity.widths", [8] * 9, "identity.widths must have at most 8 items"),
        (
            "identity",
            {"kind": "iresnet100", "channels": 64, "widths": [4] * 4, "layers": [3, 10**9, 3, 3]},
            "identity.layers.1 must be less than or equal to 64",
        ),
        (
            "detail",
            {"widths": [8], "blocks": [10**9], "presets": {"draft": 0, "standard": 0, "final": 0}},
            "detail.blocks.0 must be less than or equal to 64",
        ),
        ("unet.layers_per_block", 10**9, "unet: layers_per_block must be at most 16"),
        ("unet.transformer_layers_per_block", [1, [1, 10**9]], "layers_per_block must be at most 16"),
        ("unet.down_block_types", ["x"] * 10**4, "unet: down_block_types must have at most 8 entries"),
        (
            "codec",
            {"kind": "kl_temporal", "config": {"block_out_channels": [8], "layers_per_block": 10**9}},
            "codec.config: layers_per_block must be at most 16",
        ),
        ("schedule.rho", 1e-300, "schedule.rho must be greater than or equal to 1"),
        ("schedule.sigma_max", 1e300, "schedule.sigma_max must be less than or equal to 1000000"),
        ("presets.draft.steps", 10**12, "presets.draft.steps must be less than or equal to 10000"),
        ("unet.projection_class_embeddings_input_dim", 64, "must be 3 x addition_time_embed_dim"),
        ("objective.kind", "x0", "objective.kind must be 'v' or 'residual', not 'x0'"),
        ("schedule.sigma_min", 0, "schedule.sigma_min must be greater than 0"),
        ("schedule.sigma_max", 0.01, "schedule.sigma_min must be below sigma_max"),
        ("schedule.kind", "linear", "schedule.kind must be 'karras'"),
        ("presets.draft.steps", 0, "presets.draft.steps must be greater than or equal to 1"),
        (
            "presets.draft.sigmas",
            [1.0, 2.0],
            "presets.draft.sigmas must be one falling, positive value a step",
        ),
        ("presets.draft.guidance", float("nan"), "presets.draft.guidance must be a finite number, not nan"),
        ("presets.fast", {}, "unknown key presets.fast"),
        (
            "files",
            {"../unet": {"sha256": "a", "bytes": 1}},
            "must be the name of a file inside",
        ),
    ],
)
def test_an_impossible_entry_is_named(path: str, value: object, says: str) -> None:
    assert says in problems_of(changed(path, value))


@pytest.mark.parametrize(
    ("widths", "sizes"), [([32, 64], (96, 144, 192)), ([32] * 5, (96, 192)), (None, (96,))]
)
def test_larger_crops_fit_the_networks_and_need_their_widths(
    widths: list[int] | None, sizes: tuple[int, ...]
) -> None:
    body = changed("presets.standard.largest_crop_px", 192)
    body["unet"] = {**body["unet"], **({} if widths is None else {"block_out_channels": widths})}
    spec = spec_from_json(body)
    assert isinstance(spec, DiffusionSpec)
    assert spec.crop_sizes(spec.presets["standard"]) == sizes
    assert spec.crop_sizes(spec.presets["draft"]) == (96,)


def test_a_larger_crop_is_bounded_as_the_models_own() -> None:
    body = changed("presets.standard.largest_crop_px", 10**6)
    body["unet"] = {**body["unet"], "block_out_channels": [32, 64]}
    assert problems_of(body).startswith("presets.standard.largest_crop_px is too large: a tensor")


def test_an_incomplete_file_record_is_named() -> None:
    body = changed("files", {"unet.safetensors": {"sha256": "a"}})
    assert "missing key files.unet.safetensors.bytes" in problems_of(body)


def test_a_document_that_is_no_object_is_refused() -> None:
    assert "the document must be an object" in problems_of([1, 2])


def test_a_missing_format_or_kind_is_named_beside_the_rest() -> None:
    body = changed("format", ...)
    body["window"] = "8"
    assert problems_of(body) == "missing key format; window must be a valid integer, not '8'"
    assert problems_of(changed("kind", ...)) == "missing key kind"


def test_an_objective_of_a_diffusion_model_alone_is_unknown_to_a_built_in_one() -> None:
    assert "unknown key codec" in problems_of(BODY | {"kind": "probe"})


def test_the_schema_asks_for_what_reading_asks_for() -> None:
    schema = spec_schema()
    diffusion, builtin = (schema["$defs"][name] for name in ("DiffusionSpec", "BuiltinSpec"))
    assert diffusion["additionalProperties"] is builtin["additionalProperties"] is False
    assert diffusion["properties"]["format"] == {"const": 1} and "format" in diffusion["required"]
    assert "codec" in diffusion["required"] and "codec" not in builtin["properties"]
    presets = diffusion["properties"]["presets"]
    assert presets["required"] == ["draft", "standard", "final"]
