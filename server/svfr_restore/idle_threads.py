"""What a process needs in its environment to leave the cores to others while its threads wait."""

from __future__ import annotations


def idle_thread_environment() -> dict[str, str]:
    """Return the variables with which a thread of OpenMP that has no work sleeps at once.

    It spins by default, which pays where nobody else wants the core. Beside a host or a second worker that
    computes on the same cores a job then takes many times as long: ``benchmarks/busy_neighbour.py``.
    """
    return {"OMP_WAIT_POLICY": "PASSIVE"}
