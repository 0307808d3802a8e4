"""Where in the service's folder the job store keeps what."""

from pathlib import Path


def checkpoint_folder(home: Path) -> Path:
    """Return the folder of checkpoints under content keys, shared by all jobs."""
    return home / "checkpoints"


def journal_folder(home: Path, job: str) -> Path:
    """Return the folder of one job's own notes; it goes when the job ends."""
    return home / "journal" / job


def references_folder(home: Path, job: str) -> Path:
    """Return the folder of the references a job made; it goes when the job is forgotten."""
    return home / "references" / job


def store_file(home: Path) -> Path:
    """Return the job store itself."""
    return home / "jobs.sqlite"


def specs_folder(store: Path) -> Path:
    """Return the folder of the texts of large jobs, which the store's rows name; beside the store."""
    return store.with_name(f"{store.stem}-specs")


def notes_folder(store: Path) -> Path:
    """Return the folder of the jobs' notes, from which a lost store is made again; beside the store."""
    return store.with_name(f"{store.stem}-notes")
