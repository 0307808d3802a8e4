"""Plain words: names that the field knows, and docstrings that begin with what a function does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_sources import sources

# As a part of a name each of these hides what it is; behind it the field's term.
NAMES = {
    "abuse": "stress",
    "bury": "worker_exited",
    "chance": "probability",
    "climb": "retry",
    "death": "exit",
    "deaths": "exits",
    "desk": "request handler",
    "faults": "problems",
    "front": "request handler",
    "gate": "file guard, or a threshold",
    "glimpse": "thumbnail",
    "guard": "memory watch, or a check",
    "hear": "on_report, receive",
    "heard": "last_report",
    "lift": "warp_to_plate",
    "lifted": "warped",
    "look": "check, find, read",
    "looked": "progress",
    "looks": "appearance",
    "mend": "fix, restore",
    "often": "probability",
    "pace": "stall timeout, speed",
    "pick": "choose",
    "post": "send",
    "said": "text, output, summary",
    "told": "notify, requested",
}
NAMES_ALLOWED = {
    "server/svfr_server/worker/file_guard.py": {"guard"},  # a file guard is the field's term
    "ocio/svfr_ocio/transfer.py": {"gate"},  # the gated delta: a weight in 0..1
    "ocio/svfr_ocio/config.py": {"look"},  # OpenColorIO calls a creative transform so
    "server/svfr_lab/heads/choose_landmarks68.py": {"front"},  # a head seen from the front
    "server/svfr_lab/heads/appearance_v2.py": {"front"},
}
PROSE = re.compile(
    r"\b(abuse|bury|buried|climb(s|ed)?|deaths?|desk|glimpse|mend(s|ed|ing)?)\b", re.IGNORECASE
)
VERBS = {
    **dict.fromkeys(("Say", "Says"), "Return, Write, Report"),
    **dict.fromkeys(("Tell", "Tells"), "Return, Report, Send"),
    **dict.fromkeys(("Look", "Looks"), "Read, Check, Find"),
    **dict.fromkeys(("Hear", "Know"), "Receive, Return"),
}


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The names that a file gives: of functions, classes, arguments, variables, attributes, and by ``as``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.alias | ast.ExceptHandler):
            given = node.asname if isinstance(node, ast.alias) else node.name
            yield node.lineno if given else 0, given or ""
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def words(name: str) -> set[str]:
    """The lower-case words of a name; what Python itself names (``__post_init__``) has none."""
    if name.startswith("__"):
        return set()
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and (
            text := ast.get_docstring(node)
        ):
            yield node.body[0].lineno, text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("_look_again", {"look", "again"}),
        ("FileGuard", {"file", "guard"}),
        ("MOST_PX", {"most", "px"}),
        ("__post_init__", set()),
    ],
)
def test_a_name_is_taken_apart_into_words(name: str, expected: set[str]) -> None:
    assert words(name) == expected


def test_names_that_an_import_or_a_handler_gives_are_seen() -> None:
    tree = ast.parse("import shutil as bury\nfrom a import b as guard\ntry: f()\nexcept E as mend: g()")
    assert {name for _, name in names(tree)} >= {"bury", "guard", "mend"}


def test_names_are_the_fields_terms() -> None:
    found = [
        f"{path}:{line} {name}: rather {NAMES[word]}"
        for path, tree in ((one.path, one.tree) for one in sources())
        for line, name in (*names(tree), (1, Path(path).stem))
        for word in words(name) & NAMES.keys() - NAMES_ALLOWED.get(path, set())
    ]
    assert found == []


def test_every_exception_is_still_needed() -> None:
    trees = {one.path: one.tree for one in sources()}
    found = [
        f"{path} {word}"
        for path, allowed in NAMES_ALLOWED.items()
        for word in allowed.difference(*(words(name) for _, name in names(trees[path])))
    ]
    assert found == []


def test_texts_docstrings_and_comments_are_plain_english() -> None:
    found = [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1} {match.group()}"
        for path, text in ((one.path, one.text) for one in sources())
        for match in PROSE.finditer(text)
    ]
    assert found == []


def test_docstrings_begin_with_a_verb_that_says_what_is_done() -> None:
    found = [
        f"{path}:{line} {first}: rather {VERBS[first]}"
        for path, tree in ((one.path, one.tree) for one in sources())
        for line, text in docstrings(tree)
        if (first := text.split(maxsplit=1)[0].rstrip(".,:;")) in VERBS
    ]
    assert found == []
