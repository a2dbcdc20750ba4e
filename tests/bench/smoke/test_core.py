"""That `tools/bench core` works, with tiny numbers: how fast anything is, is not looked at."""

import unittest

from smoke import Smoke

CASES = {f"{load}/{where}" for load in ("strict", "batch64", "shared64") for where in ("socket", "api")} | {"idle/api"}
FIGURES = {f"{case}/ec-p256/2" for case in CASES} | {f"growth/{what}/ec-p256/2" for what in ("latency", "memory", "start")}


class Core(Smoke):
    def test_every_figure_is_measured(self):
        figures = self.measure(FIGURES, "core", "--algorithm", "ec-p256", "--sessions", "2", "--rounds", "1",
                               "--slice-ms", "100", "--keys", "2000")
        self.assert_positive(figures, *FIGURES)


if __name__ == "__main__":
    unittest.main()
