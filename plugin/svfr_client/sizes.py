"""Amounts as people read them: bytes in one unit everywhere, of 1024, and numbers of things."""


def size_text(size_bytes: float) -> str:
    """Return a length in the unit that fits it: ``512 B``, ``12.3 MiB``, ``1.5 GiB``."""
    size, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1023.95:  # which would read 1024.0
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"


def counted(count: int, thing: str) -> str:
    """Return "1 shot", "2 shots"."""
    return f"{count} {thing}{'' if count == 1 else 's'}"
