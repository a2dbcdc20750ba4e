"""docs/recovery.md, step by step: what it tells people to type is typed, and does what it says."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Iterator

from bench_sites.layout import REPOSITORY
from bench_sites.pins import make_pin

from .api import ApiError
from .consoles import Consoles, Typed
from .page import Block, read_sections
from .pair import PairTest

PAGE = REPOSITORY / "docs" / "recovery.md"


class Recovery(PairTest):
    """A pair for each class; test_SECTION types the section of that name."""

    sections: dict[str, list[Block]]
    consoles: Consoles

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.sections = read_sections(PAGE)
        cls.consoles = Consoles(cls.bench, cls.folder)

    @contextlib.contextmanager
    def section(self, heading: str) -> Iterator[None]:
        """Within it step() types the section's blocks, one after the other, and must have typed them all at its end."""
        self.blocks = list(self.sections[heading])
        self.typed: list[Typed] = []
        try:
            yield
            self.assertEqual([], self.blocks, "blocks of the page that were not typed")
            for typed in self.typed:
                typed.wait()
        finally:
            for typed in self.typed:
                typed.end()

    def step(self, where: str, **answers: str) -> str:
        """Types the next block, which is for that place. A command that waits for people elsewhere goes on meanwhile."""
        block = self.blocks.pop(0)
        self.assertEqual(where, block.where, block.text)
        typed = self.consoles.type(block, **answers)
        self.typed.append(typed)
        try:
            typed.wait_or_consoles()
        except AssertionError as error:
            self.fail(f"{error}\n{self.how_it_is()}")
        return typed.printed

    def steps(self, *places: str) -> None:
        for where in places:
            self.step(where)

    def signs(self, site: str, key: str) -> bool:
        try:
            self.api_of(site).sign(key, os.urandom(32))
            return True
        except (ApiError, OSError):
            return False

    def set_aside(self, site: str) -> Path:
        """A copy of what a site has: its disk and, as it is files here, its HSM."""
        files = self.site(site).files
        copy = Path(self.folder / f"copy-{site}-{self.id().rpartition('.')[2]}")
        shutil.copytree(files.data, copy / "data")
        shutil.copytree(files.token_folder, copy / "token")
        for pin in (files.pin, files.so_pin):
            shutil.copy(pin, copy)
        return copy

    def put_back(self, site: str, copy: Path) -> None:
        files = self.site(site).files
        self.lose(site)
        shutil.copytree(copy / "data", files.data)
        shutil.copytree(copy / "token", files.token_folder, dirs_exist_ok=True)
        for pin in (files.pin, files.so_pin):
            shutil.copy(copy / pin.name, pin)

    def lose(self, site: str) -> None:
        """For ever; a new machine with a blank HSM stands there."""
        lost = self.site(site)
        lost.wipe()
        make_pin(lost.files.pin)
        make_pin(lost.files.so_pin)

    def assert_all_sign(self, key: str) -> None:
        for site in "ab":
            self.api_of(site).sign(key, os.urandom(32))
