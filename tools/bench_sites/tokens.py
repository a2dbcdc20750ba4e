"""The PKCS#11 modules that a bench can stand on."""

import glob
import shutil
from dataclasses import dataclass
from pathlib import Path

from .errors import BenchError
from .layout import SiteFiles


def module_path(what: str, package: str, *paths: str) -> str:
    """The first of these that is installed."""
    for path in paths:
        if Path(path).exists():
            return path
    raise BenchError(f"{what} is not installed. Install the package {package}, or run ./tools/packages test.")


@dataclass(frozen=True)
class Token:
    """What an appliance's configuration says of its HSM, and the environment that the module reads."""

    settings: dict[str, str | list[str]]
    environment: dict[str, str]
    has_so_pin: bool = True


def softhsm(site: SiteFiles) -> Token:
    """A token folder and configuration of its own, so that sites share nothing."""
    module = module_path("SoftHSM2", "softhsm2", "/usr/lib/softhsm/libsofthsm2.so",
                                "/usr/lib64/softhsm/libsofthsm2.so")
    site.token_folder.mkdir(mode=0o700, exist_ok=True)
    site.module_config.write_text(f"directories.tokendir = {site.token_folder}\n"
                                  "objectstore.backend = file\nlog.level = ERROR\n")
    return Token({"hsm_module": module, "hsm_token": f"twinseal-{site.name}"},
                 {"SOFTHSM2_CONF": str(site.module_config)})


def nss(site: SiteFiles) -> Token:
    """NSS softokn: a database in the token folder. It labels its token itself and has no security officer's PIN."""
    module = module_path("NSS softokn", "libnss3", *glob.glob("/usr/lib/*/libsoftokn3.so"),
                                *glob.glob("/usr/lib/*/nss/libsoftokn3.so"))
    site.token_folder.mkdir(mode=0o700, exist_ok=True)
    label = f"twinseal-{site.name}"
    arguments = (f"configdir='sql:{site.token_folder}' certPrefix='' keyPrefix='' secmod='secmod.db' "
                 f"flags=passwordRequired dbTokenDescription='{label}'")
    return Token({"hsm_module": module, "hsm_module_arguments": arguments, "hsm_token": label}, {}, has_so_pin=False)


def mend(site: SiteFiles) -> None:
    """Puts back what SoftHSM lost. It writes `token.object` anew at every login, in place, and whoever is killed between
    the truncation and the write leaves it empty: the token is gone. An HSM does not lose its token with its client, so
    the bench keeps a copy of the file while it is whole. Does nothing for other modules."""
    for token_object in site.token_folder.glob("*/token.object"):
        copy = site.folder / f"{token_object.parent.name}.token.object"
        whole = token_object.read_bytes()
        if whole:
            copy.write_bytes(whole)
        elif copy.exists():
            fresh = token_object.with_suffix(".new")
            shutil.copy(copy, fresh)
            fresh.rename(token_object)
