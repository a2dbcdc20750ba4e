"""Recovery where nothing is lost, and whether the whole page is tried."""

import contextlib
import os
import resource
import shutil
import unittest

import test_recovery_of_places  # noqa: F401  So that its classes are known.
from bench_sites import faults
from support.api import ApiError
from support.page import read_sections
from support.recovery import PAGE, Recovery

# A write beyond it fails as on a full disk; small files, as the emulated HSM's, still fit.
FULL_DISK_FILE_BYTES = 64 * 1024


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
        self.signs_after_a_start("b")
        with self.section("The ledger is full"):
            self.steps("a", "operator", "b", "operator", "agent", "operator")
        self.api_of("b").create_key("room-at-last")

    def signs_after_a_start(self, site: str) -> None:
        self.site(site).kill()
        self.site(site).start()
        self.sign(site, "filling-0")

    def fill_ledger(self) -> None:
        """With keys whose policies are long."""
        policy = {"applications": [f"{number:064}" for number in range(250)]}
        for number in range(1000):
            try:
                self.make_key(f"filling-{number}", policy=policy)
            except ApiError as error:
                self.assertIn("quota", str(error))
                return
        self.fail("the ledger takes more than it may")


class Page(unittest.TestCase):
    def test_every_section_is_tried(self):
        tried = {name[5:].replace("_", " ") for tests in Recovery.__subclasses__()
                 for name in dir(tests) if name.startswith("test_")}
        self.assertEqual({heading.lower().replace("-", " ") for heading in read_sections(PAGE)}, tried)


if __name__ == "__main__":
    unittest.main()
