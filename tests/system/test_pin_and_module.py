"""The HSM is not as it should be: PIN, module and token; and unattended starts."""

import json
import os
import subprocess
import time
import unittest

from bench_sites import tokens
from bench_sites.pins import pin_descriptor
from support.appliance import ApplianceTest


class NotReady(ApplianceTest):
    def setUp(self):
        self.site.stop()
        self.addCleanup(self.site.stop)

    def start_unready(self, pin: str | None = None) -> str:
        """Starts the site, which must say why it is not ready: on /readyz when it listens, and in its log."""
        self.site.files.log.unlink(missing_ok=True)
        self.site.start(wait=False, pin=pin)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            text = self.site.files.log.read_text()
            if not self.site.running() or self.core_gave_up(text):
                return text
            time.sleep(0.02)
        self.fail(f"nothing was said in 30 seconds:\n{text}")

    def core_gave_up(self, log: str) -> bool:
        return self.site.core_pid() is None and any(word in log for word in ("PIN", "module", "token"))

    def assert_ready_again(self):
        self.site.stop()
        self.site.start()
        end = time.monotonic() + 30
        while self.api().request("GET", "/readyz")[0] != 200:
            self.assertLess(time.monotonic(), end, "the appliance does not become ready")
            time.sleep(0.02)

    def test_a_wrong_pin_is_tried_once_and_not_again(self):
        self.assertIn("PIN", self.start_unready(pin="wrong"))
        # SoftHSM does not lock; what counts the tries is the flag that it sets at the first one.
        self.assertIn("before, so it was not tried again", self.start_unready_again(pin="wrong"))
        self.assert_ready_again()

    def start_unready_again(self, pin: str) -> str:
        self.site.stop()
        return self.start_unready(pin)

    def test_an_empty_pin(self):
        self.assertIn("PIN", self.start_unready(pin=""))
        self.assert_ready_again()

    def test_a_missing_module(self):
        self.site.write_config(hsm_module="/nonexistent/module.so")
        self.addCleanup(self.site.write_config)
        self.assertIn("/nonexistent/module.so", self.start_unready())

    def test_a_file_that_is_no_module(self):
        self.site.write_config(hsm_module="/usr/lib/x86_64-linux-gnu/libz.so.1")
        self.addCleanup(self.site.write_config)
        self.assertIn("libz.so.1", self.start_unready())

    def test_a_missing_token(self):
        self.site.write_config(hsm_token="no-such-token")
        self.addCleanup(self.site.write_config)
        self.assertIn("no-such-token", self.start_unready())

    def test_a_token_that_was_not_set_up(self):
        environment = {**os.environ, **tokens.softhsm(self.site.files).environment}
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "bare", "--so-pin", "12345678", "--pin", "12345678"],
                       env=environment, check=True, capture_output=True)
        self.site.write_config(hsm_token="bare")
        self.addCleanup(self.site.write_config)
        self.assertIn("appliance init", self.start_unready(pin="12345678"))


class Unattended(ApplianceTest):
    def test_a_start_from_a_systemd_credential(self):
        """systemd puts credentials into a folder that only the service reads (systemd.exec(5), LoadCredential=)."""
        self.site.stop()
        credentials = self.folder / "credentials"
        credentials.mkdir(mode=0o700)
        (credentials / "hsm-pin").write_text(self.site.files.pin.read_text())
        os.chmod(credentials / "hsm-pin", 0o400)
        self.site.files.ready.unlink(missing_ok=True)
        service = subprocess.Popen(
            [self.bench.programs.service, "--config", self.site.files.config], stdin=subprocess.DEVNULL,
            env={**self.site.environment(), "CREDENTIALS_DIRECTORY": str(credentials)},
            stdout=subprocess.DEVNULL, stderr=open(self.folder / "log", "w"))
        try:
            end = time.monotonic() + 30
            while not self.site.files.ready.exists():
                self.assertIsNone(service.poll(), (self.folder / "log").read_text())
                self.assertLess(time.monotonic(), end)
                time.sleep(0.02)
            self.assertEqual(service.pid, json.loads(self.site.files.ready.read_text())["pid"])
            self.api().create_key("unattended")
        finally:
            service.terminate()
            self.assertEqual(0, service.wait(30))

    def test_the_pin_is_in_no_argument_and_in_no_environment(self):
        self.site.start()
        pin = self.site.files.pin.read_bytes()
        for pid in self.site.process().session():
            for what in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{pid}/{what}", "rb") as shown:
                        self.assertNotIn(pin, shown.read())
                except PermissionError:
                    pass  # Not dumpable: not even its own user may look.

    def test_a_second_twinseald_on_the_same_folder_is_refused(self):
        self.site.start()
        with pin_descriptor(self.site.files.pin) as pin:
            second = subprocess.run([self.bench.programs.service, "--config", self.site.files.config, "--listen", "127.0.0.1:0",
                                     "--ready-file", self.folder / "second", "--pin-fd", str(pin)],
                                    pass_fds=(pin,), env=self.site.environment(), capture_output=True, timeout=30)
        self.assertNotEqual(0, second.returncode)
        self.api().create_key("undisturbed")


if __name__ == "__main__":
    unittest.main()
