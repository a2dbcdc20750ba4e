"""Someone who has the appliance's disk, its token and its PIN: such a one can read the keys, and tests use that to know
what must be found nowhere else."""

import os

from bench_sites.site import Site
from bench_sites.tokens import softhsm

from . import blobs, pkcs11
from .libcrypto import aes_unwrap_padded

# The numbers of docs/blob-format.md.
_WRAP_MECHANISMS = {1: pkcs11.CKM_AES_KEY_WRAP_PAD, 2: pkcs11.CKM_AES_CBC_PAD, 3: pkcs11.CKM_AES_KEY_WRAP_KWP,
                    4: pkcs11.CKM_AES_KEY_WRAP}
_RSA_ALGORITHMS = (4, 5, 6)


class TokenOwner:
    """Opens what the appliance has wrapped. One in a process: a module is initialized once."""

    def __init__(self, site: Site):
        token = softhsm(site.files)
        os.environ.update(token.environment)
        self._token = pkcs11.Token(token.settings["hsm_module"], token.settings["hsm_token"], site.files.pin.read_text())

    def close(self) -> None:
        self._token.close()

    def private_key(self, blob: bytes) -> bytes:
        """The private key of a vault blob as PKCS #8 in DER: wrapped, in the HSM, under a key that we made and know, and
        opened outside."""
        record = blobs.parse(blob)
        kek = self._unwrap(self._key("twinseal-site-kek"), record.kek_wrap, record.wrapped_kek, {
            pkcs11.CKA_CLASS: pkcs11.CKO_SECRET_KEY, pkcs11.CKA_KEY_TYPE: pkcs11.CKK_AES, pkcs11.CKA_TOKEN: False,
            pkcs11.CKA_UNWRAP: True, pkcs11.CKA_SENSITIVE: True, pkcs11.CKA_EXTRACTABLE: False})
        kind = pkcs11.CKK_RSA if record.algorithm in _RSA_ALGORITHMS else pkcs11.CKK_EC
        key = self._unwrap(kek, record.key_wrap, record.wrapped_key, {
            pkcs11.CKA_CLASS: pkcs11.CKO_PRIVATE_KEY, pkcs11.CKA_KEY_TYPE: kind, pkcs11.CKA_TOKEN: False,
            pkcs11.CKA_PRIVATE: True, pkcs11.CKA_SENSITIVE: True, pkcs11.CKA_EXTRACTABLE: True, pkcs11.CKA_SIGN: True})
        known = os.urandom(32)
        ours = self._token.create({
            pkcs11.CKA_CLASS: pkcs11.CKO_SECRET_KEY, pkcs11.CKA_KEY_TYPE: pkcs11.CKK_AES, pkcs11.CKA_TOKEN: False,
            pkcs11.CKA_VALUE: known, pkcs11.CKA_WRAP: True})
        try:
            return aes_unwrap_padded(known, self._token.wrap(ours, pkcs11.CKM_AES_KEY_WRAP_PAD, b"", key))
        finally:
            for handle in (kek, key, ours):
                self._token.destroy(handle)

    def _key(self, label: str) -> int:
        (handle,) = self._token.find(label=label.encode(), object_class=pkcs11.CKO_SECRET_KEY)
        return handle

    def _unwrap(self, key: int, mechanism: int, wrapped: bytes, attributes: dict) -> int:
        iv = b""
        if _WRAP_MECHANISMS[mechanism] == pkcs11.CKM_AES_CBC_PAD:
            iv, wrapped = wrapped[:16], wrapped[16:]
        return self._token.unwrap(key, _WRAP_MECHANISMS[mechanism], iv, wrapped, attributes)
