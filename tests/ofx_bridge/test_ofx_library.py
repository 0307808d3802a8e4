"""What the library is to a host: three symbols, the libc family, nothing done before there is work."""

import json
import re
import runpy
import subprocess
from pathlib import Path

import pytest
from ofx_build import ROOT, SANITIZE, Built
from ofx_host import OK, PROFILE_NAMES, Clip, Host, Node, noise

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


def test_the_picture_in_the_manual_shows_the_controls_of_this_plugin(built: Built) -> None:
    with Host(built) as host:
        params = host.ask("describe", context="OfxImageEffectContextGeneral")["params"]
    drawn = runpy.run_path(str(ROOT / "docs" / "draw_openfx.py"))["draw"](params)
    assert (ROOT / "docs" / "openfx.svg").read_text(encoding="utf-8") == drawn, "run: docs/draw_openfx.py"


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


def test_identity_is_claimed_only_where_nothing_can_ever_come(built: Built, tmp_path: Path) -> None:
    clip = Clip(tmp_path, [noise(3)])
    job = json.dumps({"id": "0" * 32, "first": 5, "last": 8})
    with Host(built) as host:
        Node(host, clip, "none")
        Node(host, clip, "job", params={"job": job})
        Node(host, clip, "unmixed", params={"job": job, "mix": 0.0})
        Node(host, clip, "damaged", params={"job": "{" * 5000})
        status = {
            (name, time): host.ask("identity", id=name, time=time)["status"]
            for name in ("none", "job", "unmixed", "damaged")
            for time in (4, 5, 8, 9)
        }
    assert {key for key, value in status.items() if value == 14} == {("job", 5), ("job", 8)}
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
