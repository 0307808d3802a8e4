"""The progress of a face that is restored with several seeds, as one."""

from __future__ import annotations

from dataclasses import replace

from svfr_restore.reports import JobContext, Report

# The crops are encoded once for all seeds, and all seeds of a frame are decoded together.
_ONCE = ("encode",)
_TOGETHER = ("decode",)


def seed_context(context: JobContext, number: int, count: int) -> JobContext:
    """Return the context of one of ``count`` seeds: its steps are a share of those that are reported.

    Seeds go through a pass one after the other, the first with ``number`` 0.
    """

    def report(one: Report) -> None:
        if one.kind == "progress" and one.stage in _TOGETHER and number < count - 1:
            return
        if one.kind == "progress" and one.stage not in (*_ONCE, *_TOGETHER):
            one = replace(one, done=number * one.total + one.done, total=count * one.total)
        context.report(one)

    return replace(context, report=report)
