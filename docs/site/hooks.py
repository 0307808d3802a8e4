"""Pages of the site that are made from the sources when it is built (mkdocs hooks)."""

from __future__ import annotations

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
from error_catalogue import page

ROOT = Path(__file__).parents[2]
CARRIED = {
    "protocol.md": "plugin/PROTOCOL.md",
    "development.md": "DEVELOPMENT.md",
    "changelog.md": "CHANGELOG.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the error catalogue, and the pages that live beside the code they describe."""
    files.append(File.generated(config, "troubleshooting.md", content=page(ROOT)))
    for name, source in CARRIED.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        for old, new in (
            ("](docs/", "]("),
            ("](plugin/PROTOCOL.md", "](protocol.md"),
            ("](DEVELOPMENT.md", "](development.md"),
        ):
            text = text.replace(old, new)
        files.append(File.generated(config, name, content=text))
    return files
