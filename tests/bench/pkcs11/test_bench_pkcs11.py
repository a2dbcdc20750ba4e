"""That `tools/bench pkcs11` works, with tiny numbers: how fast anything is, is not looked at."""

import json
import math
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

FIGURES = {"first/time/ec-p256", "first/memory/ec-p256", "strict/ec-p256", "shared/ec-p256", "one-thread/ec-p256",
           "look-up"}


class Smoke(unittest.TestCase):
    def test_every_figure_is_measured(self):
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "figures.json"
            done = subprocess.run(
                [sys.executable, "-m", "bench_sites.benchmark", "pkcs11", "--algorithm", "ec-p256", "--rounds", "1",
                 "--slice-ms", "100", "--keys", "200", "--json", report],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(0, done.returncode, done.stdout)
            figures = {figure["name"]: figure for figure in json.loads(report.read_text())}
        self.assertEqual(FIGURES, set(figures), done.stdout)
        for name, figure in figures.items():
            self.assertTrue(math.isfinite(figure["value"]), name)
            self.assertGreater(figure["value"], 0, name)
            self.assertIn(name, done.stdout)


if __name__ == "__main__":
    unittest.main()
