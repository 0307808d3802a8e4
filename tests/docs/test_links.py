"""Every link of every document leads somewhere: files and headings are there, addresses are well formed."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("docs", "plugin", "server", "ocio", "ofx_bridge", "installer", "examples", "tests")
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(page for floor in FLOORS for page in (ROOT / floor).rglob("*.md"))]
    if not {"node_modules", ".venv"} & set(path.parts)
)
LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|(?m:^\[[^\]]+\]:\s*(\S+))|<(https?://[^>\s]+)>"
)
PLACEHOLDER = re.compile(r"example\.(com|org)|localhost|127\.0\.0\.1|TODO|xxx", re.IGNORECASE)


def prose(page: Path) -> str:
    """The page without code, where an address is an example."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def links(page: Path) -> Iterator[str]:
    for found in LINK.finditer(prose(page)):
        yield next(group for group in found.groups() if group)


def is_well_formed(address: str) -> bool:
    url = urlsplit(address)
    host = url.hostname or ""
    return (
        url.scheme == "https"
        and re.fullmatch(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", host) is not None
        and url.username is None
        and url.port is None
        and not PLACEHOLDER.search(address)
        and not address.endswith((".", ",", ";", ":"))
    )


def anchors(page: Path) -> set[str]:
    """The headings of a page as its readers make anchors of them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"(?m)^#+ +(.*?) *#*$", text)
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)) for title in titles)
    return {title.strip().lower().replace(" ", "-") for title in plain}


def problem(page: Path, link: str) -> str | None:
    if re.match(r"[a-z][a-z0-9+.-]*:", link):
        return None if is_well_formed(link) else "not a well-formed address"
    name, _, heading = link.partition("#")
    target = page if not name else (page.parent / name).resolve()
    if not target.exists():
        return "no such file"
    if ROOT not in target.parents:
        return "outside the repository"
    return None if not heading or heading in anchors(target) else "no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [(link, why) for link in links(page) if (why := problem(page, link))] == []


def test_there_are_many_pages_and_links() -> None:
    assert len(PAGES) > 50 and sum(1 for page in PAGES for _ in links(page)) > 100


@pytest.mark.parametrize(
    "link",
    [
        "http://arxiv.org/abs/2501.01235",
        "https://arxiv",
        "https://exa mple.org",
        "https://user@arxiv.org/x",
        "https://arxiv.org:8443/x",
        "https://example.com/page",
        "https://arxiv.org/abs/2501.01235.",
        "ftp://arxiv.org/x",
        "nothing.md",
        "README.md#no-such-heading",
        "../outside.md",
    ],
)
def test_what_is_wrong_with_a_link_is_found(link: str) -> None:
    assert problem(ROOT / "README.md", link) is not None


@pytest.mark.parametrize(
    "link", ["https://arxiv.org/abs/2501.01235", "README.md#svfr-studio", "docs/index.md", "#svfr-studio"]
)
def test_a_sound_link_is_taken(link: str) -> None:
    assert problem(ROOT / "README.md", link) is None
