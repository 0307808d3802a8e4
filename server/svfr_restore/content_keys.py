"""Keys of content: a hash over everything that decides a value, so that what changes it changes the key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib import metadata
from typing import Any


def content_key(*parts: Any) -> str:
    """Return a sha256 over JSON values and bytes; equal inputs give equal keys on every machine."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def key_of_code(libraries: Iterable[str], sources: Iterable[tuple[str, bytes]]) -> str:
    """Return the key of modules, as names and bytes, and of the versions of the libraries under them."""
    versions = [metadata.version(name) for name in libraries]
    return content_key(versions, *(part for name, data in sources for part in (name, data)))
