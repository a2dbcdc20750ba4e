"""docs/recovery.md, step by step: what it tells people to type is typed here, and does what it says."""

import contextlib
import os
import resource
import unittest
from typing import Iterator

from bench_sites import faults
from bench_sites.layout import REPOSITORY
from support.api import ApiError
from support.consoles import Consoles, Typed
from support.page import Block, read_sections
from support.pair import PairTest

PAGE = REPOSITORY / "docs" / "recovery.md"

# A write beyond it fails as on a full disk; small files, as the emulated HSM's, still fit.
FULL_DISK_FILE_BYTES = 64 * 1024


class Recovery(PairTest):
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
        self.waiting: list[Typed] = []
        try:
            yield
            self.assertEqual([], self.blocks, "blocks of the page that were not typed")
            for typed in self.waiting:
                typed.wait()
        finally:
            for typed in self.waiting:
                typed.end()

    def step(self, where: str, **answers: str) -> str:
        """Types the next block, which is for that place. A command that waits for people elsewhere goes on meanwhile."""
        block = self.blocks.pop(0)
        self.assertEqual(where, block.where, block.text)
        typed = self.consoles.type(block, **answers)
        self.waiting.append(typed)
        typed.wait_or_consoles()
        return typed.printed

    # --- in the order of the page ---------------------------------------------------------------------------------

    def test_look_first(self):
        with self.section("Look first"):
            printed = self.step("operator")
        self.assertIn("2 of 2 sites ready", printed)
        self.assertIn("paired", printed)

    def test_a_link_is_lost(self):
        self.api_of("a").create_key("link-lost")
        faults.partition(self.bench, ["b"])
        self.until("site a accepts changes", lambda: bool(self.api_of("a").change("KeyService/DisableKey",
                                                                                 key="link-lost")))
        with self.section("A link is lost"):
            self.step("b")
            self.assertFalse(self.site("b").running())
            faults.heal(self.bench, [])
            self.step("b")
            self.step("operator")

    def test_all_places_were_off(self):
        self.api_of("a").create_key("before-the-night")
        for place in self.bench.places():
            place.kill()
        with self.section("All places were off"):
            for where in ("agent", "a", "b", "operator"):
                self.step(where)
        for site in "ab":
            self.api_of(site).sign("before-the-night", os.urandom(32))

    def test_a_disk_is_full(self):
        self.api_of("a").create_key("room")
        self.limit_files("b", FULL_DISK_FILE_BYTES)
        self.until("site b refuses", lambda: not self.signs("b", "room"))
        with self.section("A disk is full"):
            self.step("b")
            self.limit_files("b", resource.RLIM_INFINITY)
            self.step("operator")
        self.api_of("b").sign("room", os.urandom(32))

    # --- what happens to places -----------------------------------------------------------------------------------

    def signs(self, site: str, key: str) -> bool:
        try:
            self.api_of(site).sign(key, os.urandom(32))
            return True
        except (ApiError, OSError):
            return False

    def limit_files(self, site: str, size: int) -> None:
        for pid in self.site(site).process().session():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class Page(unittest.TestCase):
    def test_every_section_is_tried(self):
        tried = {test[5:].replace("_", " ") for test in dir(Recovery) if test.startswith("test_")}
        self.assertEqual({heading.lower().replace("-", " ") for heading in read_sections(PAGE)}, tried)


if __name__ == "__main__":
    unittest.main()
