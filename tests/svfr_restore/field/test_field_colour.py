"""What files state about their colour, as people's files do: each statement read, or asked for in words."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import av
import job_samples
import numpy as np
import OpenEXR
import pytest
from field_samples import write_still

from svfr_client.job import ColourClaim, FaceChoice
from svfr_ocio.contract import agree
from svfr_ocio.domain import ModelDomain
from svfr_ocio.errors import SpaceHasNoKnownPrimaries, UnknownColourSpace, UnknownContextVariable
from svfr_restore.errors import ColourTagsDiffer
from svfr_restore.media.colour_claims import CICP, PNG_GAMMA, of_codes
from svfr_restore.media.icc_profile import CURVES
from svfr_restore.media.plate import open_plate

SHOW_CONFIG = """ocio_profile_version: 2.1
environment: {CAMERA: cam_a}
roles: {default: raw, scene_linear: lin, aces_interchange: ap0, cie_xyz_d65_interchange: xyz}
displays: {sRGB: [!<View> {name: Raw, colorspace: raw}]}
display_colorspaces:
  - !<ColorSpace> {name: xyz}
colorspaces:
  - !<ColorSpace> {name: ap0}
  - !<ColorSpace> {name: raw, isdata: true}
  - !<ColorSpace> {name: lin, to_scene_reference: !<BuiltinTransform> {style: ACEScg_to_ACES2065-1}}
  - !<ColorSpace>
    name: cam_a
    to_scene_reference: !<BuiltinTransform> {style: ARRI_ALEXA-LOGC-EI800-AWG_to_ACES2065-1}
  - !<ColorSpace> {name: cam_b, to_scene_reference: !<BuiltinTransform> {style: ACEScct_to_ACES2065-1}}
  - !<ColorSpace>
    name: camera_log
    encoding: log
    to_scene_reference: !<ColorSpaceTransform> {src: $CAMERA, dst: ap0}
"""
OLD_CONFIG = """ocio_profile_version: 1
strictparsing: true
roles: {default: ncf, scene_linear: lnf}
displays: {sRGB: [!<View> {name: Film, colorspace: log8}]}
colorspaces:
  - !<ColorSpace> {name: lnf}
  - !<ColorSpace> {name: log8, to_reference: !<LogTransform> {base: 2, direction: inverse}}
  - !<ColorSpace> {name: ncf, isdata: true}
"""
AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path: Path, *extra: bytes) -> str:
    """A 16-bit RGB gradient with these chunks before its pixels."""
    rows = (np.linspace(0, 1, 40)[None, :, None] * np.ones((24, 1, 3)) * 65535).astype(">u2")
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 24, 16, 2, 0, 0, 0))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
    return str(path)


def write_tiff(path: Path, dtype: str) -> str:
    """One strip of IEEE floats, scene-linear up to 4."""
    pixels = (np.linspace(0, 4, 40)[None, :, None] * np.ones((24, 1, 3))).astype(dtype).tobytes()
    bits = np.dtype(dtype).itemsize * 8
    fields = [
        (256, 3, 1, 40),
        (257, 3, 1, 24),
        (258, 3, 3, 0),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 0),
    ]
    fields += [(277, 3, 1, 3), (278, 3, 1, 24), (279, 4, 1, len(pixels)), (284, 3, 1, 1), (339, 3, 3, 0)]
    extra = 8 + 2 + 12 * len(fields) + 4
    places = {258: extra, 339: extra + 6, 273: extra + 12}
    out = b"II*\0" + struct.pack("<IH", 8, len(fields))
    for tag, kind, count, value in fields:
        out += struct.pack("<HHII", tag, kind, count, places.get(tag, value))
    path.write_bytes(out + struct.pack("<I3H3H", 0, bits, bits, bits, 3, 3, 3) + pixels)
    return str(path)


def write_tagged_movie(path: Path, primaries: int, transfer: int, matrix: int = 1) -> str:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc = primaries, transfer
        context.colorspace, context.color_range = matrix, 1
        grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
        file.mux(stream.encode(grey.reformat(format="yuv420p10le")))
        file.mux(stream.encode())
    return str(path)


def write_exr(path: Path, **header: object) -> str:
    plane = np.full((24, 40), 0.4, np.float16)
    base = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File({**base, **header}, {name: plane for name in "RGB"}).write(str(path))
    return str(path)


@pytest.mark.parametrize(("codes", "space"), CICP.items(), ids=str)
def test_every_pair_of_codes_means_its_space_in_png_and_movies(
    codes: tuple[int, int], space: str, tmp_path: Path
) -> None:
    png = write_png(tmp_path / "a.png", chunk(b"cICP", bytes([*codes, 0, 1])))
    assert open_plate(png).colour_hint == space
    matrix = 9 if codes[0] == 9 else 1
    assert open_plate(write_tagged_movie(tmp_path / "a.mkv", *codes, matrix)).colour_hint == space
    agree(ColourClaim(), space)  # a space of that name is there


@pytest.mark.parametrize(("gamma", "space"), PNG_GAMMA.items())
def test_a_png_with_a_gamma_is_in_its_space(gamma: int, space: str, tmp_path: Path) -> None:
    plate = open_plate(write_png(tmp_path / "a.png", chunk(b"gAMA", struct.pack(">I", gamma))))
    assert plate.colour_hint == space


def test_a_png_with_primaries_of_its_own_asks_for_its_space(tmp_path: Path) -> None:
    wide = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    gamma = chunk(b"gAMA", struct.pack(">I", 45455))
    plate = open_plate(write_png(tmp_path / "a.png", gamma, chunk(b"cHRM", wide)))
    assert plate.colour_hint is None and "primaries of its own" in plate.colour.words


WIDE = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([chunk(b"cICP", bytes([9, 16, 0, 0]))], "limited range"),
        ([chunk(b"cICP", bytes([9, 16, 9, 1]))], "matrix 9"),
        ([chunk(b"cHRM", WIDE)], "primaries of its own, and no gamma"),
        ([chunk(b"iCCP", b"Lab identity\0\0" + zlib.compress(bytes(200)))], "the ICC profile 'Lab identity'"),
    ],
    ids=["limited", "matrix", "primaries", "profile"],
)
def test_a_png_that_states_what_has_no_name_asks_for_its_space(
    chunks: list[bytes], words: str, tmp_path: Path
) -> None:
    plate = open_plate(write_png(tmp_path / "a.png", *chunks))
    assert plate.colour_hint is None and words in plate.colour.words


def test_a_png_says_its_colour_in_the_order_of_the_specification(tmp_path: Path) -> None:
    codes = chunk(b"cICP", bytes([9, 16, 0, 1]))
    older = (chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100000)))
    assert open_plate(write_png(tmp_path / "a.png", codes, *older)).colour_hint == "pq_rec2020_display"
    assert open_plate(write_png(tmp_path / "b.png", *older)).colour_hint == "srgb_rec709_scene"


@pytest.mark.parametrize(
    ("codes", "space"),
    [
        ((2, 2), "srgb_rec709_scene"),
        ((1, 2), "srgb_rec709_display"),
        ((2, 13), "srgb_rec709_display"),
        ((12, 2), "srgb_p3d65_display"),
        ((9, 2), None),
        ((2, 16), "pq_rec2020_display"),
    ],
)
def test_codes_that_a_png_leaves_open_are_those_of_a_still(
    codes: tuple[int, int], space: str | None, tmp_path: Path
) -> None:
    plate = open_plate(write_png(tmp_path / "a.png", chunk(b"cICP", bytes([*codes, 0, 1]))))
    assert plate.colour_hint == space
    if codes != (2, 2):
        assert f"primaries {codes[0]} and the transfer {codes[1]}" in plate.colour.words


def test_open_codes_leave_the_older_chunks_their_say(tmp_path: Path) -> None:
    gamma = chunk(b"gAMA", struct.pack(">I", 100000))
    plate = open_plate(write_png(tmp_path / "a.png", chunk(b"cICP", bytes([2, 2, 0, 1])), gamma))
    assert plate.colour_hint == "lin_rec709_scene"


REC709_XY, P3_XY = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06), (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
LINEAR_TABLE = tuple(round(code / 255 * 65535) for code in range(256))
SRGB_TABLE = tuple(round(float(CURVES["srgb"](np.array(code / 255))) * 65535) for code in range(256))


def write_tagged_tiff(path: Path, tags: dict[int, tuple[float, ...]], order: str = "<") -> str:
    """8-bit grey RGB with these colour tags: 301 in whole numbers, 318 and 319 as fractions."""
    pixels = np.full((24, 40, 3), 90, np.uint8).tobytes()
    rows: list[tuple[int, str, tuple[int, ...]]] = [
        *((tag, "H", (value,)) for tag, value in ((256, 40), (257, 24), (259, 1), (262, 2), (277, 3))),
        *((tag, "H", (value,)) for tag, value in ((278, 24), (284, 1))),
        *((258, "H", (8, 8, 8)), (273, "I", (8,)), (279, "I", (len(pixels),))),
    ]
    for tag, values in tags.items():
        parts = [(round(value * 100000), 100000) for value in values]
        whole = tuple(int(value) for value in values)
        rows.append(
            (tag, "H", whole) if tag == 301 else (tag, "II", tuple(n for part in parts for n in part))
        )
    body, entries = pixels, b""
    for tag, form, numbers in sorted(rows):
        data = struct.pack(f"{order}{len(numbers)}{form[0]}", *numbers)
        if len(data) > 4:
            place, body = 8 + len(body), body + data
            data = struct.pack(order + "I", place)
        kind = {"H": 3, "I": 4, "II": 5}[form]
        entries += struct.pack(order + "HHI", tag, kind, len(numbers) // len(form)) + data.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8 + len(body))
    path.write_bytes(head + body + struct.pack(order + "H", len(rows)) + entries + bytes(4))
    return str(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("tags", "space", "words"),
    [
        ({319: REC709_XY, 318: (0.3127, 0.329)}, "srgb_rec709_scene", ""),
        ({319: P3_XY}, None, "primaries of its own"),
        ({319: P3_XY, 301: SRGB_TABLE}, "srgb_p3d65_scene", "transfer"),
        ({301: LINEAR_TABLE}, "lin_rec709_scene", "transfer"),
        ({301: LINEAR_TABLE * 3}, "lin_rec709_scene", "transfer"),
        ({301: tuple(reversed(LINEAR_TABLE))}, None, "transfer function of its own"),
        ({318: (0.3457, 0.3585)}, None, "primaries of its own"),
        ({319: (0.64, 0.33)}, None, "primaries of its own"),
    ],
    ids=str,
)
def test_a_tiff_says_its_colour_in_tags_of_its_own(
    order: str, tags: dict[int, tuple[float, ...]], space: str | None, words: str, tmp_path: Path
) -> None:
    plate = open_plate(write_tagged_tiff(tmp_path / "a.tif", tags, order))
    assert plate.colour_hint == space and words in plate.colour.words
    assert plate.probe(1).colour == space and plate.read(1).rgb.shape == (24, 40, 3)


def test_a_tiff_whose_colour_tags_lie_outside_it_asks_for_its_space(tmp_path: Path) -> None:
    path = Path(write_tagged_tiff(tmp_path / "a.tif", {319: P3_XY}))
    data = bytearray(path.read_bytes())
    at = data.rindex(struct.pack("<HHI", 319, 5, 6)) + 8
    data[at : at + 4] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    plate = open_plate(str(path))
    assert plate.colour_hint is None and "damaged" in plate.colour.words


def test_a_jpeg_that_says_adobe_rgb_is_not_taken_for_srgb(tmp_path: Path) -> None:
    for number, space in ((1, "srgb_rec709_scene"), (2, None), (65535, None)):
        path = write_still(tmp_path / f"{number}.jpg", **{"Exif__ColorSpace": number})
        plate = open_plate(path)
        assert plate.colour_hint == space and ("EXIF" in plate.colour.words) == (space is None)


def test_inks_are_no_rgb(tmp_path: Path) -> None:
    inks = np.full((24, 40, 4), 90, np.uint8)
    path = tmp_path / "a.tif"
    entries = [
        (256, 3, 1, 40),
        (257, 3, 1, 24),
        (258, 3, 4, 0),
        (259, 3, 1, 1),
        (262, 3, 1, 5),
        (273, 4, 1, 0),
        (277, 3, 1, 4),
        (278, 3, 1, 24),
        (279, 4, 1, inks.nbytes),
        (284, 3, 1, 1),
    ]
    extra = 8 + 2 + 12 * len(entries) + 4
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    for tag, kind, count, value in entries:
        head += struct.pack("<HHII", tag, kind, count, {258: extra, 273: extra + 8}.get(tag, value))
    path.write_bytes(head + struct.pack("<I4H", 0, 8, 8, 8, 8) + inks.tobytes())
    plate = open_plate(str(path))
    assert plate.colour_hint is None and "in place of RGB" in plate.colour.words


@pytest.mark.parametrize("codes", [(12, 1), (5, 1), (11, 17)])
def test_codes_without_a_known_space_are_asked_for_in_words(codes: tuple[int, int]) -> None:
    claim = of_codes(*codes)
    assert claim.interop_id is None
    with pytest.raises(UnknownColourSpace, match=f"primaries {codes[0]} and the transfer {codes[1]}"):
        agree(ColourClaim(), claim.interop_id, claim.words)


def test_untagged_video_is_rec709_and_untagged_stills_are_srgb(tmp_path: Path) -> None:
    assert of_codes(2, 2).interop_id == "g24_rec709_display"
    assert open_plate(write_png(tmp_path / "a.png")).colour_hint == "srgb_rec709_scene"


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_float_tiffs_of_every_width_ask_for_their_space(dtype: str, tmp_path: Path) -> None:
    assert open_plate(write_tiff(tmp_path / "a.tif", dtype)).colour_hint is None


def test_an_aces_container_says_its_space_also_when_it_is_none_any_more(tmp_path: Path) -> None:
    plate = write_exr(
        tmp_path / "a.0001.exr",
        acesImageContainerFlag=1,
        chromaticities=AP0,
        compression=OpenEXR.NO_COMPRESSION,
    )
    spec = job_samples.job(plate, tmp_path, "1", faces=FaceChoice("frame"), colour=ColourClaim())
    spec = replace(spec, layers=("matte",))
    result = job_samples.run(spec)
    header = OpenEXR.File(str(result.outputs[0].path)).parts[0].header
    assert "acesImageContainerFlag" not in header and header["colorInteropID"] == "lin_ap0_scene"
    job_samples.run(replace(spec, plate=str(result.outputs[0].path), output=str(tmp_path / "again.%04d.exr")))


@pytest.mark.parametrize(
    "stated", [{"acesImageContainerFlag": 1}, {"colorInteropID": "lin_ap1_scene"}], ids=str
)
def test_a_space_and_chromaticities_that_contradict_each_other_are_asked_about(
    stated: dict[str, object], tmp_path: Path
) -> None:
    plate = write_exr(tmp_path / "a.0001.exr", chromaticities=(*REC709_XY, 0.3127, 0.329), **stated)
    spec = job_samples.job(plate, tmp_path, "1", faces=FaceChoice("frame"), colour=ColourClaim())
    with pytest.raises(UnknownColourSpace, match="chromaticities that are not of it"):
        job_samples.run(spec)
    job_samples.run(replace(spec, colour=ColourClaim(space="lin_rec709_scene")))


def test_tags_that_differ_within_a_sequence_are_told_by_frame(tmp_path: Path) -> None:
    for frame, space in enumerate(("lin_rec709_scene", "lin_ap1_scene", "lin_rec709_scene"), 1):
        write_exr(tmp_path / f"m.{frame:04d}.exr", colorInteropID=space)
    pattern = str(tmp_path / "m.%04d.exr")
    spec = job_samples.job(pattern, tmp_path, "1-3", faces=FaceChoice("frame"), colour=ColourClaim())
    with pytest.raises(ColourTagsDiffer, match="lin_ap1_scene") as raised:
        job_samples.run(spec)
    assert raised.value.frame == 2
    named = replace(spec, colour=ColourClaim(space="lin_rec709_scene"))
    assert len(job_samples.run(named).outputs) == 3


def joined_movie(path: Path, *spans: tuple[tuple[int, int, int], int]) -> str:
    """Recordings of these tags (primaries, transfer, matrix) and numbers of frames, one after the other."""
    with av.open(str(path), "w") as file:
        stream, end = None, 0
        for number, (tags, count) in enumerate(spans):
            part = path.with_name(f"{number}.ts")
            with av.open(str(part), "w") as recording:
                coded = recording.add_stream("libx264", rate=25, options={"bf": "0", "g": "2"})
                coded.width, coded.height, coded.pix_fmt = 64, 48, "yuv420p"
                context = coded.codec_context
                context.color_primaries, context.color_trc, context.colorspace = tags
                grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
                grey = grey.reformat(format="yuv420p")
                for index in range(count):
                    grey.pts = index
                    recording.mux(coded.encode(grey))
                recording.mux(coded.encode())
            with av.open(str(part)) as recording:
                source = recording.streams.video[0]
                stream = stream or file.add_stream_from_template(source)
                packets = [packet for packet in recording.demux(source) if packet.dts is not None]
                begin = packets[0].pts
                for packet in packets:
                    packet.pts = packet.dts = packet.pts - begin + end * 3600
                    packet.stream = stream
                    file.mux(packet)
            end += count
    return str(path)


@pytest.mark.parametrize("before", [4, 90])
def test_tags_that_change_inside_a_movie_are_told_by_frame(before: int, tmp_path: Path) -> None:
    plate = joined_movie(tmp_path / "joined.ts", ((1, 1, 1), before), ((9, 16, 9), 6))
    frames = f"1-{before + 6}"
    spec = job_samples.job(plate, tmp_path, frames, faces=FaceChoice("frame"), colour=ColourClaim())
    with pytest.raises(
        ColourTagsDiffer, match="pq_rec2020_display, the frames before it g24_rec709"
    ) as raised:
        job_samples.run(spec)
    assert raised.value.frame == before + 1
    assert open_plate(plate).other_colour(range(1, before + 1)) is None


def test_context_variables_come_from_the_job_and_never_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.ocio"
    config.write_text(SHOW_CONFIG)
    grey = np.full((1, 1, 3), 0.5, np.float32)

    def light(camera: str | None) -> float:
        context = {} if camera is None else {"CAMERA": camera}
        agreed = agree(ColourClaim(space="camera_log", config=str(config), context=context))
        return float(ModelDomain.build(agreed.config, agreed.space).to_transfer(grey)[0, 0, 0])

    by_default = light(None)
    monkeypatch.setenv("CAMERA", "cam_b")
    assert light(None) == by_default == light("cam_a") != light("cam_b")
    with pytest.raises(UnknownContextVariable, match="CAMERA"):
        agree(ColourClaim(space="lin", config=str(config), context={"CAMRA": "cam_b"}))


def test_context_variables_are_part_of_a_jobs_content_key() -> None:
    job = job_samples.job("p.%04d.exr", Path("out"))
    other = replace(job, colour=replace(job.colour, context={"SHOT": "sh010"}))
    assert job.content_key() != other.content_key() and job.pixels_key() != other.pixels_key()


@pytest.mark.parametrize("space", ["lnf", "log8", "lin_rec709_scene"])
def test_a_config_that_does_not_say_what_its_reference_is_can_be_told(space: str, tmp_path: Path) -> None:
    config = tmp_path / "v1.ocio"
    config.write_text(OLD_CONFIG)
    claim = ColourClaim(space=space, config=str(config))
    with pytest.raises((SpaceHasNoKnownPrimaries, UnknownColourSpace)):
        agree(claim)
    agreed = agree(replace(claim, reference_space="lin_rec709_scene"))
    domain = ModelDomain.build(agreed.config, agreed.space)
    if space != "log8":
        np.testing.assert_allclose(domain.to_transfer(np.full((1, 1, 3), 0.5, np.float32)), 0.5, rtol=1e-5)
