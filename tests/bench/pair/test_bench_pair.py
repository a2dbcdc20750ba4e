"""That `tools/bench pair` works, with tiny numbers: how fast anything is, is not looked at."""

import json
import math
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

LOSS = {f"loss/{who}/{what}" for who in ("leader", "other")
        for what in ("failed", "gap", "create", "disable", "longest-call", "gap-of-stop-keys", "return")}
PROGRAMS = {"etcd", "twinseal-agent", "twinseal-core", "twinseald"}
FIGURES = {
    *(f"{idle}/{program}" for idle in ("idle", "idle-with-keys") for program in {"all", *PROGRAMS}),
    *(f"signing/{trip}ms" for trip in (20, 80)),
    *(f"change/{change}/{role}{kind}" for change in ("create", "disable") for role in ("leader", "other")
      for kind in ("", "/p50")),
    *(f"changes64/{change}{kind}" for change in ("create", "disable") for kind in ("", "/beside-0ms")),
    *LOSS,
    *(f"planned/{what}" for what in ("failed", "gap", "longest-call", "gap-of-stop-keys", "drain", "return")),
    *(f"memory/{program}" for program in PROGRAMS),
    "memory/twinseald-peak", "return/ready", "return/beside-unchanged"}


class Smoke(unittest.TestCase):
    def test_every_figure_is_measured(self):
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "figures.json"
            done = subprocess.run([sys.executable, "-m", "bench_sites.benchmark", "pair", "--quick", "--json", report],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(0, done.returncode, done.stdout)
            figures = {figure["name"]: figure for figure in json.loads(report.read_text())}
        self.assertEqual(FIGURES, set(figures), done.stdout)
        for name, figure in figures.items():
            self.assertTrue(math.isfinite(figure["value"]), name)
            self.assertIn(name, done.stdout)
        # Signatures were made while sites went and came, and keys were changed.
        for name in ("loss/leader/failed", "loss/other/failed", "planned/failed"):
            self.assertGreater(figures[name]["baseline"], 0)
        for name in ("changes64/create", "changes64/disable"):
            self.assertGreater(figures[name]["value"], 0)


if __name__ == "__main__":
    unittest.main()
