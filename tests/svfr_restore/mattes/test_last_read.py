"""One value is kept for the next reader, and never given to a reader of another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from svfr_restore.mattes.last_read import LastRead


def test_an_equal_key_makes_nothing_again() -> None:
    made: list[int] = []
    last: LastRead[int] = LastRead()

    def make(value: int) -> int:
        made.append(value)
        return value

    assert [last.get(key, lambda key=key: make(key)) for key in (1, 1, 2, 2, 1)] == [1, 1, 2, 2, 1]
    assert made == [1, 2, 1]


def test_a_reader_gets_its_own_value_while_another_reads_something_else() -> None:
    last: LastRead[str] = LastRead()
    first_is_making, other_is_done = threading.Event(), threading.Event()

    def slow() -> str:
        first_is_making.set()
        assert other_is_done.wait(20)
        return "first"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(last.get, 1, slow)
        assert first_is_making.wait(20)
        assert last.get(2, lambda: "second") == "second"
        other_is_done.set()
        assert first.result(20) == "first"
    assert last.get(1, lambda: "made again") == "first"
