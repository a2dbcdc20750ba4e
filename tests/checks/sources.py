"""Our own source files."""

import os
from pathlib import Path
from typing import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = ("common", "hsm", "firmware", "agent", "tests")


def cpp_files() -> Iterator[Path]:
    """Every .h and .cpp, relative to the repository."""
    for folder in FOLDERS:
        for parent, _, names in os.walk(REPOSITORY / folder):
            for name in names:
                if name.endswith((".h", ".cpp")):
                    yield Path(parent, name).relative_to(REPOSITORY)
