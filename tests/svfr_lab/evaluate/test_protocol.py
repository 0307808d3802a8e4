import tomllib

import pytest

from svfr_lab.evaluate import protocol as module
from svfr_lab.evaluate.protocol import DEFAULT, METRICS, protocol_names, read_protocol
from svfr_lab.metrics.errors import ProtocolIsInvalid

TEXT = (module._FOLDER / f"{DEFAULT}.toml").read_text(encoding="utf-8")


def written(folder, text):
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", ["plates", "vfhq-test"])
def test_the_protocols_of_the_package_are_valid(name):
    protocol = read_protocol(name)
    assert protocol.name == name
    assert set(protocol.metrics) <= set(METRICS)
    assert name in protocol_names()


def test_the_default_takes_every_measure_of_pictures_as_they_are():
    protocol = read_protocol(DEFAULT)
    assert (protocol.metrics, protocol.size_px, protocol.first_frames) == (METRICS, None, None)


def test_every_choice_of_vfhq_test_names_a_source_or_says_it_is_unknown():
    sources = read_protocol("vfhq-test").sources
    assert set(sources) == {"clips", "frames", "picture", "face", "fvd", "metrics"}
    for text in sources.values():
        assert any(word in text for word in ("arXiv", "github.com", "unknown", "this project"))


def test_vfhq_test_has_fifty_clips_of_512_px():
    protocol = read_protocol("vfhq-test")
    assert (protocol.clip_count, protocol.size_px, protocol.resize_filter) == (50, (512, 512), "lanczos4")


def test_a_protocol_of_one_s_own_is_read_by_path(tmp_path):
    text = TEXT.replace('first = "all"', "first = 24").replace('"as it is"', "[64, 48]", 1)
    protocol = read_protocol(written(tmp_path, text))
    assert (protocol.name, protocol.first_frames, protocol.size_px) == ("mine", 24, (64, 48))


def test_the_json_form_holds_everything():
    body = read_protocol("vfhq-test").to_json()
    assert body["size_px"] == [512, 512]
    assert body["sources"]["frames"].startswith("unknown")


@pytest.mark.parametrize("name", ["vfhq", "nowhere.toml", "../plates"])
def test_a_protocol_that_is_not_there_is_refused_with_those_that_are(name):
    with pytest.raises(ProtocolIsInvalid, match="no protocol") as caught:
        read_protocol(name)
    assert "vfhq-test" in caught.value.remedy


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    with pytest.raises(ProtocolIsInvalid, match="cannot be read"):
        read_protocol(written(tmp_path, "title = "))


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("clip_frames = 16", "clip_frames = 0", "fvd.clip_frames"),
        ("clip_frames = 16", "clip_frames = true", "fvd.clip_frames"),
        ('first = "all"', 'first = "some"', "frames.first"),
        ('size = "as it is"', "size = [0, 512]", "picture.size"),
        ('size = "as it is"', "size = [512]", "picture.size"),
        ('size = "as it is"', 'size = [64, 64]\nfilter = "nearest"', "picture.filter"),
        ('region = "largest"', 'region = "smallest"', "face.region"),
        ('"ssim"', '"niqe"', "metrics.names"),
        ("[face]", "[face]\ncolour = 1", "unknown key face.colour"),
        ("[frames]", "[shots]\n[frames]", "unknown key shots"),
        ('title = "Plates"', "title = 3", "title must"),
        ('source = "this project"', 'source = " "', "source"),
    ],
)
def test_every_fault_of_a_protocol_is_named(tmp_path, before, after, fault):
    assert before in TEXT
    with pytest.raises(ProtocolIsInvalid, match=fault):
        read_protocol(written(tmp_path, TEXT.replace(before, after)))


def test_all_faults_are_named_at_once(tmp_path):
    text = TEXT.replace("clip_frames = 16", "clip_frames = 0").replace('"largest"', '"any"')
    with pytest.raises(ProtocolIsInvalid, match=r"face\.region.*fvd\.clip_frames"):
        read_protocol(written(tmp_path, text))


def test_a_missing_section_is_named(tmp_path):
    body = tomllib.loads(TEXT)
    assert "face" in body
    cut = TEXT[: TEXT.index("[face]")] + TEXT[TEXT.index("[fvd]") :]
    with pytest.raises(ProtocolIsInvalid, match="missing key face"):
        read_protocol(written(tmp_path, cut))


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "9" * 5000, ".".join("a" * 5000) + " = 1"])
def test_a_file_that_would_break_the_reader_is_refused(tmp_path, text):
    with pytest.raises(ProtocolIsInvalid, match=r"nested too deeply|too many digits") as caught:
        read_protocol(written(tmp_path, text))
    assert caught.value.remedy
