"""A short run of `tools/bench`."""

import json
import math
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path


class Smoke(unittest.TestCase):
    def measure(self, expected: set[str], *arguments: str) -> dict[str, dict]:
        """Runs `tools/bench` and checks that it measures exactly these figures; they, by name."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "figures.json"
            done = subprocess.run([sys.executable, "-m", "bench_sites.benchmark", *arguments, "--json", report],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(0, done.returncode, done.stdout)
            figures = {figure["name"]: figure for figure in json.loads(report.read_text())}
        self.assertEqual(expected, set(figures), done.stdout)
        for name, figure in figures.items():
            self.assertTrue(math.isfinite(figure["value"]), name)
            self.assertIn(name, done.stdout)
        return figures

    def assert_positive(self, figures: dict[str, dict], *names: str, field: str = "value") -> None:
        for name in names:
            self.assertGreater(figures[name][field], 0, name)
