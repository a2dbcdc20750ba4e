"""Faults of a pair's machines: what a site does when its files are old, its clock is off, its disk slow or full."""

import os
import resource
import shutil
import tempfile
import unittest
from pathlib import Path

from bench_sites.site import Site
from support.api import ApiError
from support.pair import PairTest
from support.surroundings import change_surroundings, surroundings_of

HOUR = 3600.0

# A write beyond it fails as on a full disk; small files, as the emulated HSM's, still fit.
FULL_DISK_FILE_BYTES = 64 * 1024


class MachineFaults(PairTest):
    @classmethod
    def environment(cls, place) -> dict[str, str]:
        return surroundings_of(place, cls.bench.programs)

    def mend(self) -> None:
        for site in self.bench.sites():
            change_surroundings(site)
        super().mend()

    def works(self, key: str, *sites: str) -> None:
        """Changes at each of the sites are in force at all of them."""
        for changed_at in sites:
            self.change(changed_at, "DisableKey", key=key)
            for site in sites:
                self.assert_does_not_sign(site, key)
            self.change(changed_at, "EnableKey", key=key)
            for site in sites:
                self.sign(site, key)

    def test_all_processes_of_a_site_are_in_its_surroundings(self):
        etcd = self.site("a").process_named("etcd")
        filtered = Path(f"/proc/{etcd.pid}/status").read_text()
        self.assertRegex(filtered, r"(?m)^Seccomp:\s+2$")
        for name in ("core", "twinseald"):
            loaded = Path(f"/proc/{self.site('a').process_named(name).pid}/maps").read_text()
            self.assertIn("libtwinseal_surroundings.so", loaded)

    def test_a_clock_that_is_an_hour_off(self):
        self.make_key("clock")
        for offset in (HOUR, -HOUR):
            with self.subTest(offset=offset):
                change_surroundings(self.site("a"), clock_offset_seconds=offset)
                self.works("clock", "a", "b")
                # It comes up with that clock, too, and gets its certificates made by it.
                self.site("a").stop()
                self.site("a").start()
                self.works("clock", "a", "b")
                change_surroundings(self.site("a"))
                self.works("clock", "a", "b")

    def test_a_slow_disk_slows_its_own_site_only(self):
        self.make_key("slow")
        change_surroundings(self.site("a"), sync_delay_seconds=0.2)
        self.works("slow", "a", "b")

    def test_a_full_disk_at_one_site(self):
        self.make_key("full")
        self.limit_files(self.site("b"), FULL_DISK_FILE_BYTES)
        there = self.api_of("b")
        self.until("site b refuses", lambda: self.fills(there))
        self.assertNotEqual("", self.site("b").not_ready())
        for _ in range(5):
            self.change("a", "DisableKey", key="full")
            self.change("a", "EnableKey", key="full")
            self.sign("a", "full")
        self.limit_files(self.site("b"), resource.RLIM_INFINITY)
        self.site("b").wait_until_ready()
        self.works("full", "a", "b")

    def fills(self, api) -> bool:
        try:
            for _ in range(50):
                api.sign("full", os.urandom(32))
            return False
        except ApiError as refused:
            self.assertIn(refused.code, ("unavailable", "resource_exhausted"))
            return True

    @staticmethod
    def limit_files(site: Site, size: int) -> None:
        for pid in site.process().session():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def test_an_old_copy_of_a_sites_files_is_refused(self):
        self.make_key("old")
        site = self.site("b")
        site.stop()
        saved = self.set_aside(site)
        site.start()
        self.works("old", "a", "b")
        site.stop()
        newest = self.set_aside(site)
        self.put_back(site, saved)
        self.assert_refused(site)
        # The other site goes on.
        self.sign("a", "old")
        self.make_key("made-without-it")
        site.kill()
        self.put_back(site, newest)
        site.start()
        self.sign("b", "made-without-it")

    def test_so_is_one_of_a_site_that_was_killed_when_nobody_knows_how_far_it_was(self):
        self.make_key("older")
        site = self.site("b")
        site.stop()
        saved = self.set_aside(site)
        site.start()
        self.works("older", "a", "b")
        site.kill()
        newest = self.set_aside(site)
        # Who leads the ledger now does not know what site b has acknowledged, and the token was not told.
        for place in (self.site("a"), self.bench.agent()):
            place.kill()
        self.put_back(site, saved)
        for place in (self.site("a"), self.bench.agent()):
            place.start(wait=False)
        self.site("a").wait_until_ready()
        self.assert_refused(site)
        site.kill()
        self.put_back(site, newest)
        site.start()
        self.works("older", "a", "b")

    def set_aside(self, site: Site) -> Path:
        copy = Path(tempfile.mkdtemp(dir=self.folder))
        return Path(shutil.copytree(site.files.data, copy / "data"))

    def put_back(self, site: Site, copy: Path) -> None:
        shutil.rmtree(site.files.data)
        shutil.copytree(copy, site.files.data)

    def assert_refused(self, site: Site) -> None:
        end_of_log = site.files.log.stat().st_size
        site.start(wait=False)

        def said() -> bool:
            with site.files.log.open() as log:
                log.seek(end_of_log)
                text = log.read()
            return "older" in text or "backwards" in text

        self.until("the site says why it does not serve", said)
        self.assertNotEqual("", site.not_ready())
        with self.assertRaises((ApiError, OSError)):
            self.api_of(site.name).sign("old", os.urandom(32))


if __name__ == "__main__":
    unittest.main()
