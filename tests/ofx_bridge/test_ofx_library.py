"""What the library is to a host: three symbols, the libc family, nothing done before there is work."""

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ofx_build import ROOT, SANITIZE, Built, build_all
from ofx_host import FAILED, OK, PROFILE_NAMES, PROFILES, Clip, Host, Node, noise

from svfr_client.vocabulary import stage_text
from svfr_installer import ofx_plugin
from svfr_installer.ofx_plugin import OfxTarget

LIBC_FAMILY = {
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
}
SIZES = {
    "OfxHost": 16,
    "OfxPlugin": 48,
    "OfxPlugin.setHost": 32,
    "OfxPlugin.mainEntry": 40,
    "OfxPropertySuite": 144,
    "OfxPropertySuite.getInt": 88,
    "OfxPropertySuite.getDimension": 136,
    "OfxImageEffectSuite": 104,
    "OfxImageEffectSuite.clipGetImage": 40,
    "OfxImageEffectSuite.abort": 64,
    "OfxParameterSuite": 144,
    "OfxParameterSuite.getValueAtTime": 40,
    "OfxParameterSuite.setValue": 64,
    "OfxProgressSuite": 24,
    "OfxMessageSuite": 24,
}


def test_the_library_exports_exactly_three_symbols(built: Built) -> None:
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", str(built.library)], capture_output=True, text=True
    )
    names = {line.split()[-1] for line in listed.stdout.splitlines()}
    assert names == {"OfxGetNumberOfPlugins", "OfxGetPlugin", "OfxSetHost"}


@pytest.mark.skipif(bool(SANITIZE), reason="a library that watches itself needs the sanitizers")
def test_the_library_needs_nothing_but_the_libc_family(built: Built) -> None:
    listed = subprocess.run(["readelf", "-d", str(built.library)], capture_output=True, text=True, check=True)
    assert set(re.findall(r"NEEDED.*\[(.*)\]", listed.stdout)) <= LIBC_FAMILY


def test_a_second_build_touches_no_file_that_is_up_to_date_and_replaces_others_whole(
    built: Built, tmp_path: Path
) -> None:
    def files() -> dict[Path, tuple[int, int]]:
        found = [path for folder in built for path in folder.rglob("*") if path.is_file()]
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}

    shutil.copytree(built.bundle.parent, tmp_path / "out")  # with its objects: nothing is compiled again
    built = build_all(tmp_path / "out")
    before = files()
    information, stray = built.bundle / "Contents" / "Info.plist", built.folder / "libzmq-of-last-year.so"
    information.write_text("of another build")
    stray.touch()
    with information.open() as held_by_a_host:
        assert build_all(tmp_path / "out") == built
        after = files()
        assert held_by_a_host.read() == "of another build"  # what is open stays what it was
    assert before.keys() == after.keys()
    assert [path for path in before if before[path] != after[path]] == [information]


def test_the_build_says_which_glibc_the_bundle_wants(built: Built) -> None:
    glibc_of = runpy.run_path(str(ROOT / "ofx_bridge" / "build.py"))["glibc_of"]
    assert glibc_of(b"\0GLIBC_2.9\0GLIBC_2.17\0GLIBC_2.2.5\0") == (2, 17)
    assert glibc_of(b"\0GLIBC_PRIVATE\0") == (0,)
    for library in (built.library, *built.folder.glob("lib*")):
        listed = subprocess.run(["readelf", "-V", str(library)], capture_output=True, text=True, check=True)
        named = [
            tuple(map(int, text.split("."))) for text in re.findall(r"Name: GLIBC_([\d.]+)", listed.stdout)
        ]
        assert glibc_of(library.read_bytes()) == max(named)


def test_the_picture_in_the_manual_shows_the_controls_of_this_plugin(built: Built) -> None:
    with Host(built) as host:
        params = host.ask("describe", context="OfxImageEffectContextGeneral")["params"]
    drawn = runpy.run_path(str(ROOT / "docs" / "draw_openfx.py"))["draw"](params)
    assert (ROOT / "docs" / "openfx.svg").read_text(encoding="utf-8") == drawn, "run: docs/draw_openfx.py"


def the_controls(built: Built) -> dict[str, dict[str, Any]]:
    with Host(built) as host:
        params = host.ask("describe", context="OfxImageEffectContextGeneral")["params"]
    return {one["OfxPropLabel"][0]: one for one in params.values() if one.get("OfxParamPropSecret") != [1]}


def the_rows(heading: str) -> dict[str, str]:
    """Return the table under a heading of the manual: its first column, with the rest of the row."""
    page = (ROOT / "docs" / "openfx.md").read_text(encoding="utf-8")
    (part,) = re.findall(f"^## {heading}$(.*?)^## ", page, re.DOTALL | re.MULTILINE)
    return dict(re.findall(r"^\| (.*?) \| (.*) \|$", part, re.MULTILINE))


def test_the_manual_lists_every_control_with_its_values(built: Built) -> None:
    rows = {label: rest for first, rest in the_rows("The controls").items() for label in first.split(", ")}
    controls = the_controls(built)
    assert list(rows)[1:] == list(controls)
    for label, one in controls.items():
        values = rows[label].split(" | ")[0]
        default = one.get("OfxParamPropDefault", ["button"])[0]
        if one["type"] == "OfxParamTypeChoice":
            options = one["OfxParamPropChoiceOption"]
            assert values.replace("**", "") == ", ".join(options)
            default = options[default]
        elif one["type"] == "OfxParamTypeBoolean":
            default = "on" if default else "off"
        elif "OfxParamPropMin" in one:
            low, high = one["OfxParamPropMin"][0], one["OfxParamPropMax"][0]
            assert values == f"**{default:g}**, {low:.0f} to {high:.0f}"
            continue
        assert one["type"] == "OfxParamTypePushButton" or default == "" or f"**{default}**" in values


def test_stages_have_the_words_of_every_other_front_end() -> None:
    source = (ROOT / "ofx_bridge" / "src" / "wording.cpp").read_text(encoding="utf-8")
    (table,) = re.findall(r"STAGES.*?^};", source, re.DOTALL | re.MULTILINE)
    words = dict(re.findall(r'\{"([a-z]+)", "([^"]+)"\}', table))
    assert len(words) == 7
    assert {stage: stage_text(stage) for stage in words} == words


def test_the_test_host_says_how_it_is_used(built: Built) -> None:
    program = str(built.tools / "svfr_testhost")
    asked = subprocess.run([program, "--help"], capture_output=True, text=True)
    alone = subprocess.run([program], capture_output=True, text=True)
    assert (asked.returncode, asked.stderr, alone.returncode, alone.stdout) == (0, "", 1, "")
    assert asked.stdout == alone.stderr
    source = (ROOT / "ofx_bridge" / "testhost" / "host_main.cpp").read_text(encoding="utf-8")
    commands = re.findall(r'what == "([a-z_]+)"', source)
    assert len(commands) > 10
    assert [one for one in commands if not re.search(rf"\b{one}\b", asked.stdout)] == []


def test_libzmq_and_libsodium_lie_beside_the_library_with_their_licences(built: Built) -> None:
    names = {path.name.split("-")[0].split(".")[0] for path in built.folder.iterdir()}
    assert {"SVFR", "libzmq", "libsodium", "pyzmq"} <= names
    assert (built.bundle / "Contents" / "Info.plist").is_file()


def test_the_interface_has_the_sizes_and_offsets_of_the_specification(built: Built) -> None:
    answer = subprocess.run(
        [str(built.tools / "svfr_probe"), "abi"], capture_output=True, text=True, check=True
    )
    assert json.loads(answer.stdout) == SIZES


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_every_host_can_describe_it_and_nothing_is_opened_or_started(
    built: Built, profile: str, tmp_path: Path
) -> None:
    with Host(built, profile) as host:
        for _ in range(3):  # some hosts load again and again
            host.ask("load")
            general = host.ask("describe", context="OfxImageEffectContextGeneral")
        filtered = host.ask("describe", context="OfxImageEffectContextFilter")
        assert general["status"] == filtered["status"] == [OK, OK]
        assert set(general["clips"]) == {"Source", "Mask", "Output"}
        assert set(filtered["clips"]) == {"Source", "Output"}
        for param in general["params"].values():
            assert param.get("OfxParamPropAnimates", [0]) == [0]
            if param["type"] in ("OfxParamTypeInteger", "OfxParamTypeDouble"):
                assert {"OfxParamPropMin", "OfxParamPropDisplayMin", "OfxParamPropDisplayMax"} <= set(param)
        counted = host.statistics()
        assert (counted["threads"], counted["zmq_is_loaded"]) == (1, False)
        assert host.ask("unload")["status"] == OK


def test_a_host_that_refuses_a_parameter_gets_a_failure_and_no_exception(
    built: Built, tmp_path: Path
) -> None:
    profile = json.loads((PROFILES / "nuke-like.json").read_text())
    (tmp_path / "refusing.json").write_text(json.dumps({**profile, "refuses_params": ["mix", "seed"]}))
    with Host(built, str(tmp_path / "refusing")) as host:
        described = host.ask("describe", context="OfxImageEffectContextFilter")
        assert described["status"] == [OK, FAILED]
        assert host.ask("unload")["status"] == OK


def test_half_is_named_only_to_a_host_that_names_it(built: Built) -> None:
    for profile, is_named in (("vegas-1.1", False), ("fusion-like", False), ("resolve-like", True)):
        with Host(built, profile) as host:
            described = host.ask("describe", context="OfxImageEffectContextFilter")
            depths = described["properties"]["OfxImageEffectPropSupportedPixelDepths"]
            assert ("OfxBitDepthHalf" in depths) == is_named


def test_the_parameters_of_the_job_are_hidden_and_kept_with_the_project(built: Built) -> None:
    with Host(built) as host:
        params = host.ask("describe", context="OfxImageEffectContextGeneral")["params"]
    assert params["job"]["OfxParamPropSecret"] == params["job"]["OfxParamPropPersistant"] == [1]
    assert params["revision"]["OfxParamPropCacheInvalidation"] == ["OfxParamInvalidateAll"]


def test_a_switch_in_the_environment_makes_every_render_the_source(built: Built, tmp_path: Path) -> None:
    clip = Clip(tmp_path, [noise(1)])
    job = json.dumps({"id": "0" * 32, "first": 1, "last": 1})
    with Host(built, SVFR_OFX_PASS_THROUGH="1") as host:
        node = Node(host, clip, params={"job": job, "whenNotReady": 2})
        answer, picture = node.render(1)
        assert answer["status"] == OK
        assert picture.tobytes() == clip.pixels[0].tobytes()
        assert host.ask("identity", id="a", time=1)["status"] == OK
        assert "PASS_THROUGH" in node.press("restoreRange")["params"]["status"]
        assert not host.statistics()["zmq_is_loaded"]


def test_a_thumbnail_is_the_source_and_touches_nothing(built: Built, tmp_path: Path) -> None:
    clip = Clip(tmp_path, [noise(2)])
    job = json.dumps({"id": "0" * 32, "first": 1, "last": 1})
    with Host(built) as host:
        answer, picture = Node(host, clip, params={"job": job, "whenNotReady": 2}).render(1, thumbnail=True)
        assert (answer["status"], picture.tobytes()) == (OK, clip.pixels[0].tobytes())
        assert host.statistics()["threads"] == 1


OTHERS = ("unmixed", "damaged")


def test_identity_is_claimed_only_where_nothing_can_ever_come(built: Built, tmp_path: Path) -> None:
    clip = Clip(tmp_path, [noise(3)])
    job = json.dumps({"id": "0" * 32, "first": 5, "last": 8})
    with Host(built) as host:
        for policy in (0, 1, 2):  # what was never asked for is the source, whatever was chosen
            Node(host, clip, f"none{policy}", params={"whenNotReady": policy})
            Node(host, clip, f"job{policy}", params={"job": job, "whenNotReady": policy})
        Node(host, clip, "unmixed", params={"job": job, "mix": 0.0})
        Node(host, clip, "damaged", params={"job": "{" * 5000})
        status = {
            (name, time): host.ask("identity", id=name, time=time)["status"]
            for name in (*(f"{kind}{policy}" for kind in ("none", "job") for policy in (0, 1, 2)), *OTHERS)
            for time in (4, 5, 8, 9)
        }
        for name in ("none2", "job2"):
            answer = host.ask("render", id=name, time=1, out=str(tmp_path / "out"))
            assert (answer["status"], answer["persistent"]) == (OK, "")
            assert (tmp_path / "out").read_bytes() == clip.pixels[0].tobytes()
    coming = {(f"job{policy}", time) for policy in (0, 1, 2) for time in (5, 8)}
    assert {key for key, value in status.items() if value == 14} == coming
    assert set(status.values()) == {0, 14}


@pytest.mark.skipif(bool(SANITIZE), reason="Python cannot load a library that watches itself")
def test_the_built_bundle_is_one_that_the_installer_takes_and_finds_sound(
    built: Built, tmp_path: Path
) -> None:
    target = OfxTarget(tmp_path / "Plugins", "linux")
    ofx_plugin.plan_install(target, built.bundle).carry_out()
    assert ofx_plugin.check_bundle(target) == ""
    for library in target.library_folder.glob("libzmq*"):
        library.unlink()
    assert "libzmq is missing" in ofx_plugin.check_bundle(target)
