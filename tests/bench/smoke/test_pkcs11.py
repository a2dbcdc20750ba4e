"""That `tools/bench pkcs11` works, with tiny numbers: how fast anything is, is not looked at."""

import unittest

from smoke import Smoke

FIGURES = {"first/time/ec-p256", "first/memory/ec-p256", "strict/ec-p256", "shared/ec-p256", "one-thread/ec-p256",
           "look-up"}


class Pkcs11(Smoke):
    def test_every_figure_is_measured(self):
        figures = self.measure(FIGURES, "pkcs11", "--algorithm", "ec-p256", "--rounds", "1", "--slice-ms", "100",
                               "--keys", "200")
        self.assert_positive(figures, *FIGURES)


if __name__ == "__main__":
    unittest.main()
