"""What a process needs in its environment so that another one computes the same bits on the same CPU."""

from __future__ import annotations


def repeatable_environment() -> dict[str, str]:
    """Return the variables with which a CPU adds the same numbers in the same order in every process.

    Intel's library of matrix products otherwise chooses threads and order anew in each run ("Getting Started
    with Conditional Numerical Reproducibility", oneMKL Developer Guide), and a job that goes on in another
    process would differ from an undisturbed one in its last bits. It reads them with its first product.
    """
    return {"MKL_CBWR": "AUTO", "MKL_DYNAMIC": "FALSE", "OMP_DYNAMIC": "FALSE"}
