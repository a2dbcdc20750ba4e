"""docs/recovery.md, step by step: what it tells people to type is typed here, and does what it says."""

import contextlib
import os
import resource
import shutil
import unittest
from pathlib import Path
from typing import Iterator

from bench_sites import faults
from bench_sites.layout import REPOSITORY
from bench_sites.pins import make_pin
from support.api import ApiError
from support.consoles import Consoles, Typed
from support.page import Block, read_sections
from support.pair import PairTest

PAGE = REPOSITORY / "docs" / "recovery.md"

# A write beyond it fails as on a full disk; small files, as the emulated HSM's, still fit.
FULL_DISK_FILE_BYTES = 64 * 1024


class Recovery(PairTest):
    """A pair for each class; test_SECTION types a section of the page."""

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
        typed.wait_or_consoles()
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
        lost.kill()
        shutil.rmtree(lost.files.data, ignore_errors=True)
        shutil.rmtree(lost.files.token_folder, ignore_errors=True)
        for file in (lost.files.pin, lost.files.so_pin, *lost.files.folder.glob("*.token.object")):
            file.unlink(missing_ok=True)
        make_pin(lost.files.pin)
        make_pin(lost.files.so_pin)

    def assert_all_sign(self, key: str) -> None:
        for site in "ab":
            self.api_of(site).sign(key, os.urandom(32))


class NothingIsLost(Recovery):
    def test_look_first(self):
        with self.section("Look first"):
            printed = self.step("operator")
        self.assertIn("2 of 2 sites ready", printed)
        self.assertIn("paired", printed)

    def test_a_link_is_lost(self):
        self.api_of("a").create_key("link-lost")
        faults.partition(self.bench, ["b"])
        self.until("site a accepts changes",
                   lambda: bool(self.api_of("a").change("KeyService/DisableKey", key="link-lost")))
        with self.section("A link is lost"):
            self.step("b")
            self.assertFalse(self.site("b").running())
            faults.heal(self.bench, [])
            self.steps("b", "operator")

    def test_all_places_were_off(self):
        self.api_of("a").create_key("before-the-night")
        for place in self.bench.places():
            place.kill()
        with self.section("All places were off"):
            self.steps("agent", "a", "b", "operator")
        self.assert_all_sign("before-the-night")

    def test_a_disk_is_full(self):
        self.api_of("a").create_key("room")
        self.limit_files("b", FULL_DISK_FILE_BYTES)
        self.until("site b refuses", lambda: not self.signs("b", "room"))
        with self.section("A disk is full"):
            self.step("b")
            self.limit_files("b", resource.RLIM_INFINITY)
            self.step("operator")
        self.assert_all_sign("room")

    def test_a_site_was_restored_from_an_old_copy(self):
        self.api_of("a").create_key("old")
        site = self.site("b")
        site.stop()
        old = self.folder / "old"
        shutil.copytree(site.files.data, old)
        site.start()
        self.api_of("b").sign("old", os.urandom(32))
        self.api_of("b").create_key("newer")
        site.stop()
        newest = site.files.data.with_name("data.newest")
        site.files.data.rename(newest)
        shutil.copytree(old, site.files.data)
        end_of_log = site.files.log.stat().st_size
        site.start(wait=False)
        self.until("the site says why it does not serve",
                   lambda: "older" in site.files.log.read_text()[end_of_log:])
        self.assertFalse(self.signs("b", "old"))
        with self.section("A site was restored from an old copy"):
            self.steps("b", "operator")
        self.assert_all_sign("newer")

    def limit_files(self, site: str, size: int) -> None:
        for pid in self.site(site).process().session():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class AFullLedger(Recovery):
    def test_the_ledger_is_full(self):
        for place in self.bench.places():
            place.write_config(ledger_quota_mib=2)
            place.stop()
        self.bench.start_all()
        self.fill_ledger()
        with self.section("The ledger is full"):
            self.steps("a", "operator", "b", "operator", "agent", "operator")
        self.api_of("b").create_key("room-at-last")

    def fill_ledger(self) -> None:
        """With keys whose policies are long."""
        policy = {"applications": [f"{number:064}" for number in range(250)]}
        api = self.api_of("a")
        for number in range(1000):
            try:
                api.create_key(f"filling-{number}", policy=policy)
            except ApiError as error:
                self.assertIn("quota", str(error))
                return
        self.fail("the ledger takes more than it may")


class ALostSite(Recovery):
    def test_a_site_is_lost_for_ever(self):
        self.api_of("a").create_key("outlives-a-site")
        lost = self.set_aside("b")
        self.lose("b")
        with self.section("A site is lost for ever"):
            self.steps("b", "agent", "a", "b", "operator")
        self.assert_all_sign("outlives-a-site")
        self.the_lost_one_is_shut_out(lost)

    def the_lost_one_is_shut_out(self, lost: Path) -> None:
        self.put_back("b", lost)
        site = self.site("b")
        end_of_log = site.files.log.stat().st_size
        site.start(wait=False)
        self.until("the lost one hears that it is shut out",
                   lambda: "removed from the pair's ledger" in site.files.log.read_text()[end_of_log:])
        self.assertFalse(self.signs("b", "outlives-a-site"))
        self.assertNotEqual("", site.not_ready())


class AMajorityLost(Recovery):
    def test_two_of_the_three_places_are_lost(self):
        self.api_of("a").create_key("outlives-two-places")
        self.lose("b")
        self.bench.agent().kill()
        with self.section("Two of the three places are lost"):
            self.step("operator", name="a")
            self.step("operator")
        self.api_of("a").sign("outlives-two-places", os.urandom(32))


class BothSitesLost(Recovery):
    def test_both_sites_are_lost(self):
        self.api_of("a").create_key("outlives-both")
        self.site("a").stop()
        backup = self.set_aside("a")
        self.site("a").start()
        self.lose("a")
        self.lose("b")
        self.bench.agent().kill()
        self.put_back("a", backup)
        with self.section("Both sites are lost"):
            self.step("a")
            self.step("operator", name="a")
        self.api_of("a").sign("outlives-both", os.urandom(32))


class TakenApart(Recovery):
    def test_a_site_leaves_the_pair(self):
        self.api_of("a").create_key("outlives-the-pair")
        with self.section("A site leaves the pair"):
            self.step("operator")
        self.api_of("a").sign("outlives-the-pair", os.urandom(32))
        self.assertFalse(self.signs("b", "outlives-the-pair"))


class TogetherAgain(Recovery):
    def test_a_pair_again(self):
        self.api_of("a").create_key("outlives-two-pairs")
        self.twinseal("pair", "leave", "a")
        self.lose("b")
        with self.section("A pair again"):
            self.steps("agent", "b", "agent", "a", "b", "operator")
        self.assert_all_sign("outlives-two-pairs")


class Page(unittest.TestCase):
    def test_every_section_is_tried(self):
        tried = {name[5:].replace("_", " ") for tests in Recovery.__subclasses__()
                 for name in dir(tests) if name.startswith("test_")}
        self.assertEqual({heading.lower().replace("-", " ") for heading in read_sections(PAGE)}, tried)


if __name__ == "__main__":
    unittest.main()
