"""The commands that a new user types."""

import os
import subprocess
import unittest

from bench_sites.bench import Bench
from bench_sites.layout import BenchFiles, REPOSITORY
from bench_sites.module import USER_PIN
from bench_sites.pins import pin_descriptor
from support.appliance import Folder


class Commands(Folder):
    def setUp(self):
        self.bench = Bench(BenchFiles(self.folder / "bench"))
        self.addCleanup(self.bench.kill_all)

    def run_tool(self, *words: str, status: int = 0) -> str:
        environment = {**os.environ, "TWINSEAL_BENCH": str(self.bench.files.folder)}
        done = subprocess.run([REPOSITORY / "tools" / words[0], *words[1:]], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=environment)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def command(self, *arguments: str, status: int = 0) -> str:
        return self.run_tool("testbench", *arguments, status=status)

    def test_quickstart_leaves_nothing_behind(self):
        file = self.folder / "letter.txt"
        file.write_text("To whom it may concern.\n")
        output = self.run_tool("quickstart", file)
        self.assertEqual(4, output.count("Verified OK"), output)
        before, after = (line.split()[-1] for line in output.splitlines() if "SHA-256 " in line)
        self.assertNotEqual(before, after)
        self.assertFalse(self.bench.files.folder.exists())

    def test_quickstart_keeps_the_bench_when_asked_to(self):
        self.assertIn("testbench down", self.run_tool("quickstart", "--keep"))
        self.assertIn("site a   ready", self.command("status"))
        listed = subprocess.run(["bash", "-c", f'eval "$({REPOSITORY}/tools/testbench env)" && twinseal key list'],
                                capture_output=True, text=True,
                                env={**os.environ, "TWINSEAL_BENCH": str(self.bench.files.folder)})
        self.assertIn("quickstart", listed.stdout, listed.stderr)
        self.look_at_the_module()
        # Again on the bench that is there: it is used and left as it was.
        self.run_tool("quickstart")
        self.assertTrue(self.bench.site("a").running())

        self.kill_and_start()
        self.stop_and_resume()
        self.harm_links()
        sessions = [place.process() for place in self.bench.places()]
        relays = [self.bench.network.process(place) for place in ("a", "b", "agent", "client")]
        self.command("down")
        for process in (*sessions, *relays):
            self.assertEqual([], process.session())
        self.assertFalse(self.bench.files.folder.exists())

    def look_at_the_module(self):
        """What applications need that load the PKCS#11 module; the key's passphrase is the PIN of their token."""
        files = self.bench.files.module
        self.assertIn(f"export TWINSEAL_PKCS11_CONF={files.config}\n", self.command("env"))
        self.assertIn("export TWINSEAL_PKCS11_MODULE=", self.command("env"))
        self.assertIn("BEGIN ENCRYPTED PRIVATE KEY", files.key.read_text())
        with pin_descriptor(USER_PIN) as pin:
            key = subprocess.run(["openssl", "pkey", "-in", files.key, "-passin", f"fd:{pin}", "-pubout"],
                                 pass_fds=(pin,), capture_output=True).stdout
        self.assertEqual(key, subprocess.run(["openssl", "x509", "-in", files.certificate, "-noout", "-pubkey"],
                                             capture_output=True).stdout)
        self.assertTrue(key)

    def kill_and_start(self):
        self.command("kill", "a")
        self.assertFalse(self.bench.site("a").running())
        self.assertIn("site a   down", self.command("status", status=1))
        self.command("start", "a")
        core = self.bench.site("a").core_pid()
        self.command("kill", "a", "--process", "core")
        self.bench.site("a").wait_until_ready()
        self.assertNotEqual(core, self.bench.site("a").core_pid())
        self.command("restart", "agent")
        self.command("status")

    def stop_and_resume(self):
        self.command("stop-process", "b", "--process", "etcd")
        self.assertIn("site b   stopped: etcd", self.command("status", status=1))
        self.command("resume", "b", "--process", "etcd")
        self.bench.site("b").wait_until_ready()
        self.command("status")

    def harm_links(self):
        self.command("partition", "a", "b", "--one-way")
        status = self.command("status", status=1)
        self.assertIn("a->b", status)
        self.assertNotIn("b->a", status)
        self.command("heal")
        self.command("delay", "20")
        self.command("loss", "1", "a", "agent")
        status = self.command("status")
        self.assertIn("10 ms, 1 % loss", status)
        self.assertNotIn("client", status)
        self.command("delay", "0")
        self.command("loss", "0")
        self.assertIn("links    whole", self.command("status"))

    def test_one_appliance_alone(self):
        self.assertIn("site a   ready", self.command("up", "--sites", "a"))
        self.assertEqual(2, len(self.bench.site("a").process().session()))
        self.assertIn("Only a pair", self.command("partition", "a", "b", status=1))
        self.assertIn("other sites", self.command("up", "--sites", "a,b", status=1))
        self.command("kill", "a")
        self.command("up")
        self.command("down", "--keep-files")
        self.assertFalse(self.bench.site("a").running())
        self.command("up")
        self.command("down")

    def test_what_is_wrong_is_said_in_plain_words(self):
        self.assertIn("is no file", self.run_tool("quickstart", "/no/such/file", status=1))
        self.assertIn("testbench up", self.command("start", "a", status=1))
        self.bench.files.folder.mkdir()
        (self.bench.files.folder / "precious").touch()
        self.assertIn("is no bench", self.command("up", status=1))
        self.assertTrue((self.bench.files.folder / "precious").exists())


if __name__ == "__main__":
    unittest.main()
