"""The commands that a new user types."""

import os
import subprocess
import unittest

from bench_sites.bench import Bench
from bench_sites.layout import BenchFiles, REPOSITORY
from support.appliance import Folder


class Commands(Folder):
    def setUp(self):
        self.bench = Bench(BenchFiles(self.folder / "bench"))
        self.addCleanup(lambda: [site.kill() for site in self.bench.sites()])

    def run_tool(self, *command, status: int = 0) -> str:
        done = subprocess.run([REPOSITORY / "tools" / command[0], *command[1:]], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env={**os.environ, "TWINSEAL_BENCH": str(self.bench.files.folder)})
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_quickstart_leaves_nothing_behind(self):
        file = self.folder / "letter.txt"
        file.write_text("To whom it may concern.\n")
        output = self.run_tool("quickstart", file)
        self.assertIn("Verified OK", output)
        before, after = (line.split()[-1] for line in output.splitlines() if "SHA-256 " in line)
        self.assertNotEqual(before, after)
        self.assertFalse(self.bench.files.folder.exists())

    def test_quickstart_keeps_the_bench_when_asked_to(self):
        self.assertIn("testbench down", self.run_tool("quickstart", "--keep"))
        self.assertTrue(self.bench.site("a").running())
        self.assertIn("site a   ready", self.run_tool("testbench", "status"))
        listed = subprocess.run(["bash", "-c", f'eval "$({REPOSITORY}/tools/testbench env)" && twinseal key list'],
                                capture_output=True, text=True,
                                env={**os.environ, "TWINSEAL_BENCH": str(self.bench.files.folder)})
        self.assertIn("quickstart", listed.stdout, listed.stderr)
        # Again on the bench that is there: it is used and left as it was.
        self.run_tool("quickstart")
        self.assertTrue(self.bench.site("a").running())

        members = self.bench.site("a").process().session()
        self.assertEqual(2, len(members))
        self.run_tool("testbench", "kill", "a")
        self.assertFalse(self.bench.site("a").running())
        self.assertIn("down", self.run_tool("testbench", "status", status=1))
        self.run_tool("testbench", "start", "a")
        self.run_tool("testbench", "status")
        process = self.bench.site("a").process()
        self.run_tool("testbench", "down")
        self.assertEqual([], process.session())
        self.assertFalse(self.bench.files.folder.exists())

    def test_what_is_wrong_is_said_in_plain_words(self):
        self.assertIn("is no file", self.run_tool("quickstart", "/no/such/file", status=1))
        self.assertIn("testbench up", self.run_tool("testbench", "start", "a", status=1))
        self.bench.files.folder.mkdir()
        (self.bench.files.folder / "precious").touch()
        self.assertIn("is no bench", self.run_tool("testbench", "up", status=1))
        self.assertTrue((self.bench.files.folder / "precious").exists())


if __name__ == "__main__":
    unittest.main()
