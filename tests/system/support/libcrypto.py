"""OpenSSL called in process: verifies thousands of signatures in a second."""

import ctypes
import ctypes.util
import functools

_LIBRARY = ctypes.CDLL(ctypes.util.find_library("crypto"))
for _name in ("BIO_new_mem_buf", "PEM_read_bio_PUBKEY", "EVP_PKEY_CTX_new", "EVP_get_digestbyname",
              "EVP_CIPHER_CTX_new", "EVP_aes_256_wrap_pad"):
    getattr(_LIBRARY, _name).restype = ctypes.c_void_p

_PSS_PADDING = 6  # RSA_PKCS1_PSS_PADDING


class PublicKey:
    def __init__(self, pem: str):
        data = pem.encode()
        bio = ctypes.c_void_p(_LIBRARY.BIO_new_mem_buf(data, len(data)))
        self._key = ctypes.c_void_p(_LIBRARY.PEM_read_bio_PUBKEY(bio, None, None, None))
        _LIBRARY.BIO_free(bio)
        if not self._key:
            raise ValueError("not a public key in PEM")

    def verifies_digest(self, signature: bytes, digest: bytes, hash_name: str = "SHA256", pss: bool = False) -> bool:
        context = ctypes.c_void_p(_LIBRARY.EVP_PKEY_CTX_new(self._key, None))
        try:
            assert _LIBRARY.EVP_PKEY_verify_init(context) == 1
            if pss:
                assert _LIBRARY.EVP_PKEY_CTX_set_rsa_padding(context, _PSS_PADDING) == 1
            md = ctypes.c_void_p(_LIBRARY.EVP_get_digestbyname(hash_name.encode()))
            assert _LIBRARY.EVP_PKEY_CTX_set_signature_md(context, md) == 1
            return _LIBRARY.EVP_PKEY_verify(context, signature, ctypes.c_size_t(len(signature)),
                                            digest, ctypes.c_size_t(len(digest))) == 1
        finally:
            _LIBRARY.ERR_clear_error()
            _LIBRARY.EVP_PKEY_CTX_free(context)


@functools.lru_cache(maxsize=4096)
def public_key(pem: str) -> PublicKey:
    return PublicKey(pem)


def aes_unwrap_padded(key: bytes, wrapped: bytes) -> bytes:
    """RFC 5649, by OpenSSL."""
    context = ctypes.c_void_p(_LIBRARY.EVP_CIPHER_CTX_new())
    try:
        _LIBRARY.EVP_CIPHER_CTX_set_flags(context, 1)  # EVP_CIPHER_CTX_FLAG_WRAP_ALLOW
        assert _LIBRARY.EVP_DecryptInit_ex(context, ctypes.c_void_p(_LIBRARY.EVP_aes_256_wrap_pad()), None, key, None) == 1
        opened, length = ctypes.create_string_buffer(len(wrapped) + 16), ctypes.c_int()
        assert _LIBRARY.EVP_DecryptUpdate(context, opened, ctypes.byref(length), wrapped, len(wrapped)) == 1, \
            "the key could not be unwrapped"
        return opened.raw[:length.value]
    finally:
        _LIBRARY.EVP_CIPHER_CTX_free(context)
