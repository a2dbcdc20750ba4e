"""What the kernel says of the two processes, as they run."""

import unittest
from pathlib import Path

from support.appliance import ApplianceTest


def status_of(pid: int) -> dict[str, str]:
    """The fields of /proc/PID/status (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def largest_core_dump(pid: int) -> list[str]:
    """Soft and hard limit."""
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in limits if line.startswith("Max core file size")).split()[4:6]


class Hardening(ApplianceTest):
    def test_the_core_is_confined(self):
        core = self.site.core_pid()
        status = status_of(core)
        self.assertEqual("2", status["Seccomp"])  # SECCOMP_MODE_FILTER.
        self.assertEqual("1", status["NoNewPrivs"])
        self.assertEqual(["0", "0"], largest_core_dump(core))
        if self.api().call("ApplianceService/GetStatus")["memoryLock"] == "all":
            self.assertGreater(int(status["VmLck"].split()[0]), 0)

    def test_twinseald_gains_no_privileges_and_leaves_no_dump(self):
        pid = self.site.process().pid
        self.assertEqual("1", status_of(pid)["NoNewPrivs"])
        self.assertEqual(["0", "0"], largest_core_dump(pid))


if __name__ == "__main__":
    unittest.main()
