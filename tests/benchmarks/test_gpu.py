import json
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu import PRECISIONS, main, psnr_over_range_db


def test_the_rehearsal_measures_both_networks_in_every_number_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--out", str(tmp_path), "--device", "cpu", "--tiny"])
    body = json.loads((tmp_path / "gpu.json").read_text())
    assert body["device"] == "cpu" and body["tiny"]
    assert len(body["rows"]) == 2 * len(PRECISIONS)
    rows = {(row["what"], row["precision"]): row for row in body["rows"]}
    assert rows["UNet, one window", "float32"]["psnr_db"] is None
    assert (
        rows["UNet, one window", "float16"]["psnr_db"] > rows["UNet, one window", "bfloat16"]["psnr_db"] > 20
    )
    assert set(body["nearness_db"]) == {"published", "ours"}
    assert body["nearness_db"]["ours"] > 60  # one in float32, as the other
    shots = [(row["sampler"], row["frames"]) for row in body["shots"]]
    assert shots == [(name, count) for name in ("published", "official", "studio") for count in (4, 6)]
    assert all(row["finite"] and row["seconds"] > 0 and row["busy"] is None for row in body["shots"])
    assert [one["way"] for one in body["memory"]] == ["host"] and body["memory"][0]["is_recognised"]
    assert body["left_out"] == []
    text = (tmp_path / "gpu.md").read_text()
    assert "| UNet, one window | float16 |" in text and "| studio | 6 |" in text


def test_what_there_is_no_time_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "PRECISIONS", {"float32": PRECISIONS["float32"]})
    main(["--out", str(tmp_path), "--device", "cpu", "--tiny", "--minutes", "0"])
    body = json.loads((tmp_path / "gpu.json").read_text())
    assert body["shots"] == [] and "memory" not in body and "nearness_db" not in body
    assert "Left out for want of time: nearness" in (tmp_path / "gpu.md").read_text()


def test_what_is_not_finite_has_no_psnr() -> None:
    reference = torch.linspace(0.0, 1.0, 5)
    assert psnr_over_range_db(reference * float("nan"), reference) is None
    assert psnr_over_range_db(reference, reference) is None
    assert psnr_over_range_db(reference + 0.1, reference) == pytest.approx(20.0)
