"""What an experiment is, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from svfr_lab.experiments.kit.bench import Bench

Cell: TypeAlias = str | int | float | bool
Row: TypeAlias = Mapping[str, Cell]

NOT_MEASURED = "not measured"
"""What a cell says in place of a number that the budget did not allow."""

_SIZE_COLUMNS = frozenset({"n"})
_SPREAD_COLUMNS = frozenset({"sd", "low"})


@dataclass(frozen=True)
class PaperClaim:
    """A table that somebody published, shown beside ours and marked as their claim.

    ``note`` says what differs between their measurement and ours.
    """

    source: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("every row of a published table has as many cells as it has columns")


@dataclass(frozen=True)
class Findings:
    """What came out.

    ``rows`` make the CSV; among them the columns are ``n`` (how many were measured) and a spread: ``sd``, or
    ``low`` and ``high`` of a 95 % interval. Where the budget was too short a cell is :data:`NOT_MEASURED`.
    ``draw`` paints the figure on an empty matplotlib Figure, whose size it may set. ``paragraph`` is
    Markdown: what was asked, done and found, with sample size and spread. ``summary`` is what a program
    wants to know (JSON).
    """

    rows: Sequence[Row]
    draw: Callable[[Figure], None]
    paragraph: str
    summary: Mapping[str, Any]

    def __post_init__(self) -> None:
        columns = set(self.columns)
        if not self.rows or not columns & _SIZE_COLUMNS or not columns & _SPREAD_COLUMNS:
            raise ValueError(f"the rows need a sample size and a spread, their columns are {sorted(columns)}")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the CSV, in order of appearance."""
        return tuple(dict.fromkeys(column for row in self.rows for column in row))


@dataclass(frozen=True)
class Experiment:
    """A question that ``svfr lab NAME`` asks.

    ``run`` answers it within the bench's budget, whatever that is, and goes on where a killed run stopped.
    """

    name: str
    title: str
    question: str
    run: Callable[[Bench], Findings]
    paper_claim: PaperClaim | None = None
