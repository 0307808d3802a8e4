"""Whether what the measures stand on is installed: they belong to the laboratory, not to every service."""

from importlib.util import find_spec

from svfr_lab.metrics.errors import LibrariesAreMissing

NEEDED = ("skimage", "matplotlib", "torchmetrics")


def require_libraries() -> None:
    """Raise LibrariesAreMissing, naming them, unless every library of :data:`NEEDED` can be imported."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise LibrariesAreMissing(
            f"These libraries are not installed: {', '.join(missing)}.",
            remedy='Install the laboratory: pip install "svfr-studio[server,lab]".',
        )
