"""The process that builds one package: ``python -m svfr.compiled.child``, started by ``beside.py`` only.

It reads one line of JSON from its standard input, which stays open: when it ends, whoever asked is gone, and
this ends too, also while torch is still being loaded. What goes wrong is one line on the standard output.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import Any

from svfr.validation import read_json
from svfr_client.reasons import in_one_line

LOW_PRIORITY = 10


def main() -> int:
    """Build what the first line asks for."""
    line = sys.stdin.buffer.readline()
    if not line:
        return 2
    threading.Thread(target=_end_with_the_input, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(LOW_PRIORITY)
    return _build(read_json(line))


def _build(order: dict[str, Any]) -> int:
    # torch takes seconds to load
    from svfr.compiled.calls import Call
    from svfr.compiled.packages import build, check
    from svfr.compiled.recipe import Recipe
    from svfr.compiled.traced import empty_module, example_inputs, exported
    from svfr.precision import Precision, apply_switches

    asked = order["call"]
    call = Call(**{**asked, "sample": tuple(asked["sample"])})
    recipe = Recipe(**order["recipe"])
    apply_switches(Precision(tf32=recipe.tf32))
    try:
        with contextlib.redirect_stdout(sys.stderr):
            module, target = empty_module(recipe, call), Path(order["target"])
            inputs = example_inputs(module, call)
            build(exported(module, inputs), recipe.builder, target)
            check(module, inputs, recipe.builder, target)
    except Exception as problem:
        print(in_one_line(problem))
        return 1
    return 0


def _end_with_the_input() -> None:
    fileno = sys.stdin.fileno()
    while os.read(fileno, 4096):
        pass
    os._exit(2)


if __name__ == "__main__":
    sys.exit(main())
