"""One line of ours in a file that belongs to the user: added at the end, and removed to the last byte.

The file's bytes, its line ends and whether its last line has an end stay as they are, so that adding and
removing gives back exactly what was there. A line is ours when it ends in the mark.
"""

MARK = b"# svfr-studio"


def add(text: bytes, line: bytes) -> bytes:
    """Return ``text`` with ``line`` as its last line; a marked line that is there already is replaced."""
    text = remove(text)
    end = _line_end(text)
    line = line + b"  " + MARK
    if not text:
        return line + end
    if text.endswith((b"\n", b"\r")):
        return text + line + end
    return text + end + line


def remove(text: bytes) -> bytes:
    """Return ``text`` without marked lines."""
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not _is_ours(line)]
    if lines and _is_ours(lines[-1]) and not lines[-1].endswith((b"\n", b"\r")) and kept:
        kept[-1] = kept[-1].rstrip(b"\r\n")  # the line end before ours was ours too
    return b"".join(kept)


def has(text: bytes) -> bool:
    """Return whether a marked line is in ``text``."""
    return any(_is_ours(line) for line in text.splitlines())


def _is_ours(line: bytes) -> bool:
    return line.rstrip().endswith(MARK)


def _line_end(text: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in text else b"\n"
