"""Bytes as people read them."""

import pytest

from svfr_client.sizes import size_text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1000, "1000 B"),
        (1024, "1.0 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (12.34 * 1024**2, "12.3 MiB"),
        (20 * 1024**3, "20.0 GiB"),
        (5000 * 1024**4, "5000.0 TiB"),
    ],
)
def test_a_size_is_written_in_the_unit_that_fits_it(size_bytes: float, text: str) -> None:
    assert size_text(size_bytes) == text
