import itertools

import pytest

from svfr.errors import UnknownTask
from svfr.tasks import TaskSet
from svfr_client.vocabulary import TASKS

ALL_SETS = [bits for bits in itertools.product((0, 1), repeat=3) if any(bits)]


@pytest.mark.parametrize("bits", ALL_SETS)
def test_names_and_bits_lead_back_to_the_same_set(bits: tuple[int, int, int]) -> None:
    tasks = TaskSet.from_bits(bits)
    assert tasks.bits == bits
    assert TaskSet.of(tasks.names) == tasks
    assert tasks.added_time_ids().tolist() == [[float(b) for b in bits]]


def test_the_order_of_the_bits_is_the_published_one() -> None:
    assert TASKS == ("bfr", "colorize", "inpaint")
    assert TaskSet.of(["inpaint", "bfr"]).bits == (1, 0, 1)


def test_a_repeated_task_counts_once() -> None:
    assert TaskSet.of(["bfr", "bfr"]) == TaskSet(bfr=True)


def test_every_unknown_task_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownTask, match=r"'derain', 'upscale'.*bfr, colorize, inpaint"):
        TaskSet.of(["bfr", "upscale", "derain"])


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(UnknownTask, match="No task"):
        TaskSet.of([])


@pytest.mark.parametrize("bits", [(1, 0), (1, 0, 0, 0), (2, 0, 0), (0, 0, 0)])
def test_bits_that_are_no_task_set_are_refused(bits: tuple[int, ...]) -> None:
    with pytest.raises(UnknownTask):
        TaskSet.from_bits(bits)
