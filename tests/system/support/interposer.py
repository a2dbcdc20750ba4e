"""The fault-injecting PKCS#11 module between the core and SoftHSM. Its script: tests/support/interposer/script.h"""

import os
from pathlib import Path

from bench_sites import tokens
from bench_sites.layout import Programs, SiteFiles


def module() -> Path:
    return Programs.find().folder.parent / "lib" / "libtwinseal_interposer.so"


def script_file(site: SiteFiles) -> Path:
    return site.folder / "interposer.script"


def token(site: SiteFiles) -> tokens.Token:
    """SoftHSM behind the interposer."""
    behind = tokens.softhsm(site)
    environment = {"TWINSEAL_INTERPOSER_MODULE": behind.settings["hsm_module"],
                   "TWINSEAL_INTERPOSER_SCRIPT": str(script_file(site))}
    return tokens.Token({**behind.settings, "hsm_module": str(module()),
                         "hsm_module_environment": list(environment)},
                        {**behind.environment, **environment})


def play(site: SiteFiles, *rules: str) -> None:
    """From now on these rules hold; without any, the module does as SoftHSM does."""
    fresh = script_file(site).with_suffix(".new")
    fresh.write_text("".join(f"{rule}\n" for rule in rules))
    os.replace(fresh, script_file(site))
