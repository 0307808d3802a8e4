"""Whose request is next in a checking process."""

from dataclasses import dataclass

from svfr_server.supervisor.turns import TURN_SECONDS, Turns


@dataclass(frozen=True)
class Asked:
    client: str
    route: bytes
    name: str
    size_bytes: int = 1


def order(turns: Turns[Asked], seconds: float) -> list[str]:
    """Take everything, each request in so many seconds."""
    taken = []
    while turns:
        one = turns.take()
        turns.used(one, seconds)
        taken.append(one.name)
    return taken


def filled(*named: str) -> Turns[Asked]:
    """Each name is its client, the connection and a number: "a1x"."""
    turns: Turns[Asked] = Turns()
    for name in named:
        turns.add(Asked(name[0], name[:2].encode(), name))
    return turns


def test_clients_and_the_connections_of_each_take_turns() -> None:
    turns = filled("a1x", "a1y", "a1z", "a2x", "a3x", "b1x", "b1y")
    assert order(turns, TURN_SECONDS) == ["a1x", "b1x", "a2x", "b1y", "a3x", "a1y", "a1z"]


def test_short_requests_share_a_turn() -> None:
    turns = filled("a1x", "a1y", "a1z", "b1x")
    assert order(turns, TURN_SECONDS / 2) == ["a1x", "a1y", "b1x", "a1z"]


def test_a_request_that_goes_on_stays_before_those_that_came_after_it() -> None:
    turns = filled("a1x", "a1y", "b1x")
    first = turns.take()
    turns.put_back(first)
    turns.used(first, TURN_SECONDS)
    assert order(turns, TURN_SECONDS) == ["b1x", "a1x", "a1y"]


def test_what_waits_is_counted_by_client_and_forgotten() -> None:
    turns = filled("a1x", "a2x", "b1x")
    assert (turns.waiting_of("a"), turns.waiting_of("c")) == ((2, 2), (0, 0))
    assert sorted(one.name for one in turns.clear()) == ["a1x", "a2x", "b1x"]
    assert not turns


def test_a_request_under_way_while_everything_is_forgotten_leaves_nothing_behind() -> None:
    turns = filled("a1x", "a1y")
    one = turns.take()
    turns.clear()
    turns.used(one, 1.0)
    assert not turns
