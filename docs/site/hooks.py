"""Pages of the site that are made from the sources when it is built (mkdocs hooks)."""

from __future__ import annotations

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parents[2] / "plugin"))
sys.path.insert(0, str(Path(__file__).parents[2] / "server"))
from svfr_cli.error_catalogue import all_codes

ROOT = Path(__file__).parents[2]

CARRIED = {
    "protocol.md": "plugin/PROTOCOL.md",
    "development.md": "DEVELOPMENT.md",
    "changelog.md": "CHANGELOG.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that live beside the code they describe."""
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


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the error catalogue below its page, and lead links to the carried pages to where they are here."""
    if page.file.src_uri == "troubleshooting.md":
        return f"{markdown}\n{all_codes(ROOT)}"
    for name, source in CARRIED.items():
        markdown = markdown.replace(f"](../{source}", f"]({name}")
    return markdown
