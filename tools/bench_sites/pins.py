"""PINs: made at random, kept in files that only the owner reads, handed on through descriptors."""

import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator


def make_pin(path: Path) -> None:
    """A new PIN of 24 characters in a file with mode 0600."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(12))


@contextmanager
def pin_descriptor(pin: Path | str) -> Iterator[int]:
    """A descriptor in memory to read the PIN from: that in the file, or the text itself."""
    text = pin.read_text() if isinstance(pin, Path) else pin
    descriptor = os.memfd_create("pin")
    try:
        os.write(descriptor, text.encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
