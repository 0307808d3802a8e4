"""What a process that restores needs in its environment before it loads anything."""

from __future__ import annotations


def computing_environment() -> dict[str, str]:
    """Return the variables of every worker, command and test that computes, unless told otherwise."""
    return repeatable_environment() | idle_thread_environment()


def repeatable_environment() -> dict[str, str]:
    """Return the variables with which a CPU adds the same numbers in the same order in every process.

    Intel's library of matrix products otherwise chooses threads and order anew in each run ("Getting Started
    with Conditional Numerical Reproducibility", oneMKL Developer Guide), and a job that goes on in another
    process would differ from an undisturbed one in its last bits. It reads them with its first product.
    """
    return {"MKL_CBWR": "AUTO", "MKL_DYNAMIC": "FALSE", "OMP_DYNAMIC": "FALSE"}


def idle_thread_environment() -> dict[str, str]:
    """Return the variables with which a thread of OpenMP that has no work sleeps at once.

    It spins by default, which pays where nobody else wants the core. Beside a host or a second worker that
    computes on the same cores a job then takes many times as long: ``benchmarks/busy_neighbour.py``.
    """
    return {"OMP_WAIT_POLICY": "PASSIVE"}
