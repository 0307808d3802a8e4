"""What is shown while files travel: every stage has words of its own."""

import pytest

from svfr_client.transfer.progress import TransferProgress


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        ("hash", "Reading 3 files, 2.0 MiB"),
        ("send", "Sending 1.0 MiB of 2.0 MiB"),
        ("make", "The server makes 3 files of what was sent, 1.0 MiB of 2.0 MiB"),
        ("fetch", "Fetching 1.0 MiB of 2.0 MiB"),
    ],
)
def test_each_stage_has_its_words(stage: str, text: str) -> None:
    assert TransferProgress(stage, 2**20, 2**21, files=3, files_bytes=2**21).text == text
