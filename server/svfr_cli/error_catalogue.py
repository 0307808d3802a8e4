"""All errors, read from the sources: what each code means, and what its messages advise.

Nothing is imported or run: classes and the calls that make them are read as syntax, so that a code that is
added appears here and one that is removed leaves. ``svfr explain`` shows it in a terminal, from whatever is
installed; the site has it as a page.
"""

from __future__ import annotations

import ast
import gc
import importlib.util
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .error_advice import Advice
from .useful_advice import useful

SOURCE_ROOTS = ("plugin", "server", "ocio", "installer")
PACKAGES = (
    *("svfr", "svfr_blender", "svfr_cli", "svfr_client", "svfr_farm", "svfr_installer", "svfr_lab"),
    *("svfr_nuke", "svfr_ocio", "svfr_restore", "svfr_server", "svfr_view"),
)
# A Sphinx role such as :func:`svfr_ocio.probe.make_probe`: the page shows the last name alone.
_ROLE = re.compile(r":\w+:`~?(?:\w+\.)*(\w+)`")
_LITERAL = re.compile(r"``([^`]+)``")


@dataclass
class Entry:
    """One error code: the sentences of its classes, and the remedies of the places that raise them."""

    code: str
    meanings: set[str] = field(default_factory=set)
    remedies: set[str] = field(default_factory=set)

    @property
    def meaning(self) -> str:
        """All the sentences."""
        return " ".join(sorted(self.meanings))

    @property
    def advice(self) -> list[str]:
        """The remedies that say something without the values of a message, sorted."""
        return useful(self.remedies)


def project_folders(root: Path) -> list[Path]:
    """Return the folders with the sources of the project at ``root``."""
    return [root / name for name in SOURCE_ROOTS]


def installed_folders() -> list[Path]:
    """Return the folders of the project's packages that are installed here, without loading them.

    A host's plugin is installed into the host; in a checkout its source lies beside the client's.
    """
    specs = [importlib.util.find_spec(name) for name in PACKAGES]
    found = {Path(spec.origin).parent for spec in specs if spec is not None and spec.origin is not None}
    beside = {folder.parent / name for folder in found if folder.name == "svfr_client" for name in PACKAGES}
    return sorted(found | {folder for folder in beside if (folder / "__init__.py").is_file()})


def entries(folders: Iterable[Path]) -> dict[str, Entry]:
    """Return the catalogue of the sources below some folders, by code."""
    with _no_search_for_garbage():
        return _entries([path.read_text(encoding="utf-8") for path in _sources(folders)])


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """Half of the time would go into it: syntax trees are millions of objects, and all are in use."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _entries(sources: Sequence[str]) -> dict[str, Entry]:
    trees = [ast.parse(source) for source in sources]
    classes = {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}
    codes = {name: code for name in classes if (code := _code_of(name, classes)) is not None}
    found: defaultdict[str, Entry] = defaultdict(lambda: Entry(""))
    for name, code in codes.items():
        entry = found[code]
        entry.code = code
        sentence = (ast.get_docstring(classes[name]) or "").split("\n\n")[0]
        entry.meanings.add(" ".join(_LITERAL.sub(r"`\1`", _ROLE.sub(r"`\1`", sentence)).split()))
    # most modules raise nothing, and to walk through one takes milliseconds
    raising = [tree for tree, source in zip(trees, sources, strict=True) if "remedy=" in source]
    for name, remedy in Advice(trees).remedies(raising):
        if name in codes:
            found[codes[name]].remedies.add(remedy)
    return dict(found)


def all_codes(root: Path) -> str:
    """Return the catalogue of the project at ``root`` as Markdown, a heading for each code."""
    lines = []
    for code, entry in sorted(entries(project_folders(root)).items()):
        lines.append(f"## `{code}`\n")
        lines.append(entry.meaning + "\n")
        lines += [f"- {remedy}" for remedy in entry.advice]
        lines.append("")
    return "\n".join(lines)


def _sources(folders: Iterable[Path]) -> Iterator[Path]:
    for top in folders:
        for path in sorted(top.rglob("*.py")):
            if not {"benchmarks", "build"} & set(path.parts):
                yield path


def _code_of(name: str, classes: dict[str, ast.ClassDef]) -> str | None:
    """Return the class's own or inherited ``code``; None when it is no SvfrError."""
    seen: set[str] = set()
    while name in classes and name not in seen:
        seen.add(name)
        node = classes[name]
        for statement in node.body:
            if isinstance(statement, ast.Assign) and _is_name(statement.targets[0], "code"):
                value = statement.value
                text = value.value if isinstance(value, ast.Constant) else None
                return text if isinstance(text, str) and _is_error(node, classes) else None
        name = next((base.id for base in node.bases if isinstance(base, ast.Name)), "")
    return None


def _is_error(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> bool:
    names = [base.id for base in node.bases if isinstance(base, ast.Name)]
    return "SvfrError" in (node.name, *names) or any(
        name in classes and _is_error(classes[name], classes) for name in names
    )


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
