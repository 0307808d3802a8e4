"""The table of one case of :mod:`svfr_lab.preview_eval.people`: means, paired gains, groups of skin tone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from svfr_lab.metrics.statistics import Estimate
from svfr_lab.preview_eval.face_measures import MEASURES, Figures
from svfr_lab.preview_eval.tables import gain_json

_COMPARED = tuple(m.name for m in MEASURES if m.better == "lower")
_SHOWN_OF_GROUPS = ("psnr", "skin_hue_degrees", "skin_chroma")


@dataclass(frozen=True)
class Person:
    """What was measured of one person: figures of each method by name, and the tone of the truth's skin."""

    figures: Mapping[str, Figures]
    tone: str


def table(people: Sequence[Person], models: Sequence[str], simple: Sequence[str]) -> dict[str, Any]:
    """Return the table of ``models`` against the input and the best of the ``simple`` methods.

    ``over`` holds gains in PSNR, ``below_input`` by how much figures of which lower is better are lower than
    the damaged input's; both are paired, with intervals. ``tones`` has means by skin tone.
    """
    best = max(simple, key=lambda name: float(np.mean(_of(people, name, "psnr"))))
    names = [name for name in ("truth", "input", best, *models) if name in people[0].figures]
    body: dict[str, Any] = {
        "people": len(people),
        "best_simple": best,
        "means": _means(people, names),
        "over": {},
        "below_input": {},
        "tones": _by_tone(people, [best, *models]),
        "psnr_of_people": {
            name: [round(value, 3) for value in _of(people, name, "psnr")]
            for name in ("input", best, *models)
        },
    }
    if len(people) > 1:
        for model in models:
            body["over"][model] = {other: _gain(people, model, other) for other in ("input", best)}
            body["below_input"][model] = {
                figure: _below(people, model, figure) for figure in _shared(people, _COMPARED)
            }
    return body


def show(body: Mapping[str, Any]) -> str:
    """Return a table as text."""
    lines = [_line(name, figures) for name, figures in body["means"].items()]
    for model, others in body["over"].items():
        for other, won in others.items():
            interval = f"[{won['low_db']:+.2f}, {won['high_db']:+.2f}]"
            share = f"better on {100 * won['share_better']:.0f} % of {body['people']}"
            gain = f"{won['mean_db']:+.2f} dB {interval}"
            lines.append(f"  {model} over {other}: {gain}, {share}, worst {won['worst_db']:+.2f}")
    for model, figures in body["below_input"].items():
        for figure, won in figures.items():
            lines.append(
                f"  {model} below input, {figure}: {won['mean']:+.4f} [{won['low']:+.4f}, {won['high']:+.4f}]"
            )
    for tone, group in body["tones"].items():
        lines.append(f"  {tone}, {group['people']} people")
        lines += [_line("  " + name, figures) for name, figures in group.items() if name != "people"]
    return "\n".join(lines)


def _line(name: str, figures: Mapping[str, float]) -> str:
    return f"  {name:28s} " + "  ".join(f"{key} {value:g}" for key, value in figures.items())


def _of(people: Sequence[Person], method: str, figure: str) -> list[float]:
    return [person.figures[method][figure] for person in people if figure in person.figures[method]]


def _means(
    people: Sequence[Person], methods: Sequence[str], only: Sequence[str] | None = None
) -> dict[str, dict[str, float]]:
    return {
        method: {
            figure: round(float(np.mean(_of(people, method, figure))), 4)
            for figure in sorted({f for person in people for f in person.figures[method]})
            if only is None or figure in only
        }
        for method in methods
    }


def _by_tone(people: Sequence[Person], methods: Sequence[str]) -> dict[str, Any]:
    groups: dict[str, list[Person]] = {}
    for person in people:
        groups.setdefault(person.tone, []).append(person)
    return {
        tone: {"people": len(group)} | _means(group, methods, _SHOWN_OF_GROUPS)
        for tone, group in sorted(groups.items())
    }


def _gain(people: Sequence[Person], model: str, other: str) -> dict[str, float]:
    """Return the gain in PSNR over another method, and that of the person on whom it is least."""
    ours, theirs = (_of(people, name, "psnr") for name in (model, other))
    return gain_json(Estimate.of_difference(ours, theirs)) | {
        "worst_db": round(float(np.min(np.subtract(ours, theirs))), 3)
    }


def _shared(people: Sequence[Person], figures: Sequence[str]) -> list[str]:
    """Return which of ``figures`` two or more people have: faces whose points are not found have none."""
    return [figure for figure in figures if len(_of(people, "input", figure)) > 1]


def _below(people: Sequence[Person], model: str, figure: str) -> dict[str, float]:
    won = Estimate.of_difference(_of(people, "input", figure), _of(people, model, figure))
    return {"mean": round(won.mean, 4), "low": round(won.low, 4), "high": round(won.high, 4)}
