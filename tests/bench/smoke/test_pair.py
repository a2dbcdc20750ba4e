"""That `tools/bench pair` works, with tiny numbers: how fast anything is, is not looked at."""

import unittest

from smoke import Smoke

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
    "memory/twinseald-peak", "return/ready", "return/beside-unchanged",
    *(f"{part}/stolen" for part in ("idle", "signing", "change", "changes64", "loss", "planned", "keys", "return"))}


class Pair(Smoke):
    def test_every_figure_is_measured(self):
        figures = self.measure(FIGURES, "pair", "--quick")
        # Signatures were made while sites went and came, and keys were changed.
        self.assert_positive(figures, "loss/leader/failed", "loss/other/failed", "planned/failed", field="baseline")
        self.assert_positive(figures, "changes64/create", "changes64/disable")


if __name__ == "__main__":
    unittest.main()
