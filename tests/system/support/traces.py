"""Looks for a secret in files and memory, in every form in which it could have been left behind."""

import base64
import os
import re
from pathlib import Path
from typing import Iterator

_LONG_ZEROS = re.compile(b"\\0{64,}")


class Hunt:
    """Searches for secret byte strings in raw form, both ways round, in hexadecimal of either case, and in base64 at each of
    its three alignments."""

    def __init__(self, secrets: dict[str, bytes]):
        forms: dict[bytes, str] = {}
        for name, secret in secrets.items():
            if len(secret) < 16:
                raise ValueError(f"{name} is too short to be searched for")
            forms[secret] = f"{name}, raw"
            forms[secret[::-1]] = f"{name}, raw, last byte first"
            forms[secret.hex().encode()] = f"{name}, hexadecimal"
            forms[secret.hex().upper().encode()] = f"{name}, hexadecimal in capitals"
            forms[secret.hex(":").encode()] = f"{name}, hexadecimal with colons"
            for shift in range(3):
                forms[_base64_middle(secret, shift)] = f"{name}, base64 shifted by {shift}"
        self._forms = forms
        self._pattern = re.compile(b"|".join(re.escape(form) for form in forms))

    def in_bytes(self, data: bytes) -> list[str]:
        # Memory is mostly zeros, and a form that begins with one would be tried at each of them.
        data = _LONG_ZEROS.sub(bytes(64), data)
        # PEM and dumps break their lines.
        unbroken = data.translate(None, b"\r\n\t ")
        matches = self._pattern.findall(data) + self._pattern.findall(unbroken)
        return sorted({self._forms[match] for match in matches})

    def in_files(self, folder: Path) -> list[str]:
        """Every file below the folder. What is found, with the file."""
        found, searched = [], 0
        for parent, _, names in os.walk(folder):
            for name in names:
                path = Path(parent, name)
                if path.is_symlink() or not path.is_file():
                    continue
                searched += 1
                found += [f"{path}: {form}" for form in self.in_bytes(path.read_bytes())]
        if not searched:
            raise ValueError(f"there is no file in {folder}")
        return found

    def in_memory(self, pid: int) -> list[str]:
        """Every readable page of the process. What is found, with the region."""
        found = []
        for region, data in _memory(pid):
            found += [f"process {pid}, {region}: {form}" for form in self.in_bytes(data)]
        return found


def _base64_middle(secret: bytes, shift: int) -> bytes:
    """The characters that stand for the secret alone, whatever stands around it."""
    text = base64.b64encode(bytes(shift) + secret + bytes(3))
    first = -(-shift * 8 // 6)
    last = (shift + len(secret)) * 8 // 6
    return text[first:last]


def _memory(pid: int) -> Iterator[tuple[str, bytes]]:
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps.read().splitlines():
            span, rights, _, _, _, *name = line.split(maxsplit=5)
            region = name[0] if name else "anonymous"
            if "r" not in rights or region in ("[vvar]", "[vsyscall]"):
                continue
            start, end = (int(number, 16) for number in span.split("-"))
            try:
                memory.seek(start)
                data = b""
                while len(data) < end - start:
                    part = memory.read(end - start - len(data))
                    if not part:
                        break
                    data += part
                yield f"{span} {region}", data
            except OSError:
                continue  # A page that is reserved and not there.
