"""The hash by which the farm knows what a file holds."""

from __future__ import annotations

import hashlib
from io import BufferedReader


def content_hash(file: BufferedReader) -> str:
    """Return the hash of all that is left to read of a file."""
    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
