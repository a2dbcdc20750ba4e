"""What the PKCS#11 module needs to reach a bench: a client certificate, its key under the token's PIN, and the
configuration file."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable

from .errors import BenchError
from .layout import ModuleFiles
from .pins import pin_descriptor

# The client's name. Its role is operator's, so that applications may make keys and destroy them as well.
CLIENT_NAME = "pkcs11"

# That of the token which the module shows. It guards nothing but a bench, and people type it.
USER_PIN = "1234"

_SECONDS_A_CALL = 10


def set_up_module(files: ModuleFiles, issue: Callable[..., str], endpoints: list[str], proxy: str = "") -> None:
    """Makes the client's key and certificate and writes the configuration, unless that is done already. `issue` calls
    `twinseal` as the bench's operator."""
    if files.config.exists():
        return
    shutil.rmtree(files.folder, ignore_errors=True)  # What an interrupted call left.
    files.folder.mkdir(mode=0o700)
    _make_key(files)
    issue("client", "issue", CLIENT_NAME, "--role", "operator", "--csr", str(files.request), "--out-dir",
          str(files.folder))
    files.request.unlink()
    settings: dict[str, str | int | list[str]] = {
        "endpoints": endpoints,
        "certificate": str(files.certificate),
        "key": str(files.key),
        "ca": str(files.ca),
        **({"proxy": proxy} if proxy else {}),
        "timeout": _SECONDS_A_CALL,
        "log": str(files.log),
    }
    fresh = files.config.with_suffix(".new")
    fresh.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    fresh.replace(files.config)


def _make_key(files: ModuleFiles) -> None:
    """A P-256 key, encrypted before it is written, and the request for its certificate."""
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes-256-cbc", "-out", files.key,
             pin_option="-pass")
    os.chmod(files.key, 0o600)
    _openssl("req", "-new", "-key", files.key, "-subj", f"/CN={CLIENT_NAME}", "-out", files.request,
             pin_option="-passin")


def _openssl(*arguments: str | Path, pin_option: str) -> None:
    with pin_descriptor(USER_PIN) as pin:
        done = subprocess.run(["openssl", *arguments, pin_option, f"fd:{pin}"], pass_fds=(pin,),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"Making the key of the PKCS#11 module's client failed: {done.stderr.strip()}")
