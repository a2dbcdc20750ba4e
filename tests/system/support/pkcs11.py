"""A PKCS#11 module called through ctypes: what the owner of a token can do with any program.

Only what the tests need of PKCS#11 v2.40; names and numbers are the standard's. A process uses one module for one token.
"""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_ubyte, c_ulong, c_void_p

CKU_USER, CKF_SERIAL_SESSION, CKF_RW_SESSION = 1, 4, 2
CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKO_SECRET_KEY = 2, 3, 4
CKK_RSA, CKK_EC, CKK_AES = 0, 3, 0x1F
CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_VALUE, CKA_KEY_TYPE = 0, 1, 2, 3, 0x11, 0x100
CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_SIGN = 0x103, 0x104, 0x105, 0x106, 0x107, 0x108
CKA_EXTRACTABLE = 0x162
CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2 = 0x123, 0x124, 0x125
CKM_AES_CBC_PAD, CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_PAD, CKM_AES_KEY_WRAP_KWP = 0x1085, 0x2109, 0x210A, 0x210B

# Where each function stands in CK_FUNCTION_LIST, behind the version.
_POSITIONS = {"C_Initialize": 0, "C_Finalize": 1, "C_GetSlotList": 4, "C_OpenSession": 12, "C_CloseSession": 13,
              "C_Login": 18, "C_GetTokenInfo": 6, "C_CreateObject": 20, "C_DestroyObject": 22,
              "C_GetAttributeValue": 24, "C_FindObjectsInit": 26, "C_FindObjects": 27, "C_FindObjectsFinal": 28,
              "C_WrapKey": 60, "C_UnwrapKey": 61}


class _Attribute(ctypes.Structure):
    _fields_ = [("type", c_ulong), ("value", c_void_p), ("length", c_ulong)]


class _Mechanism(ctypes.Structure):
    _fields_ = [("mechanism", c_ulong), ("parameter", c_void_p), ("length", c_ulong)]


class Pkcs11Error(Exception):
    def __init__(self, function: str, code: int):
        super().__init__(f"{function} answered {code:#x}")
        self.code = code


def _bytes_of(value) -> bytes:
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return value.to_bytes(ctypes.sizeof(c_ulong), "little")
    return value


class Template:
    """Attributes and the memory that they point to."""

    def __init__(self, attributes: dict[int, bool | int | bytes]):
        self._memory = [ctypes.create_string_buffer(_bytes_of(value), len(_bytes_of(value)))
                        for value in attributes.values()]
        self.array = (_Attribute * len(attributes))(*[
            _Attribute(kind, ctypes.cast(memory, c_void_p), len(memory))
            for kind, memory in zip(attributes, self._memory)])


class Token:
    """A logged-in session with the token of this label."""

    def __init__(self, module: str, label: str, pin: str):
        library = ctypes.CDLL(module)
        listed = c_void_p()
        library.C_GetFunctionList(byref(listed))
        # The version's two bytes are padded to a pointer's size.
        self._table = ctypes.cast(listed, POINTER(c_void_p))
        self._call("C_Initialize", None)
        count = c_ulong()
        self._call("C_GetSlotList", c_ubyte(1), None, byref(count))
        slots = (c_ulong * count.value)()
        self._call("C_GetSlotList", c_ubyte(1), slots, byref(count))
        slot = next(slot for slot in slots if self._label(slot) == label)
        self._session = c_ulong()
        self._call("C_OpenSession", c_ulong(slot), c_ulong(CKF_SERIAL_SESSION | CKF_RW_SESSION), None, None,
                   byref(self._session))
        self._call("C_Login", self._session, c_ulong(CKU_USER), c_char_p(pin.encode()), c_ulong(len(pin)))

    def close(self) -> None:
        self._call("C_CloseSession", self._session)
        self._call("C_Finalize", None)

    def find(self, **wanted) -> list[int]:
        """Handles of the objects with this label and class."""
        names = {"label": CKA_LABEL, "object_class": CKA_CLASS}
        template = Template({names[name]: value for name, value in wanted.items()})
        self._call("C_FindObjectsInit", self._session, template.array, c_ulong(len(template.array)))
        handles, count = (c_ulong * 100)(), c_ulong()
        self._call("C_FindObjects", self._session, handles, c_ulong(100), byref(count))
        self._call("C_FindObjectsFinal", self._session)
        return list(handles[:count.value])

    def create(self, attributes: dict) -> int:
        template, handle = Template(attributes), c_ulong()
        self._call("C_CreateObject", self._session, template.array, c_ulong(len(template.array)), byref(handle))
        return handle.value

    def destroy(self, handle: int) -> None:
        self._call("C_DestroyObject", self._session, c_ulong(handle))

    def unwrap(self, key: int, mechanism: int, iv: bytes, wrapped: bytes, attributes: dict) -> int:
        template, handle = Template(attributes), c_ulong()
        self._call("C_UnwrapKey", self._session, byref(self._mechanism(mechanism, iv)), c_ulong(key),
                   c_char_p(wrapped), c_ulong(len(wrapped)), template.array, c_ulong(len(template.array)), byref(handle))
        return handle.value

    def wrap(self, wrapping_key: int, mechanism: int, iv: bytes, key: int) -> bytes:
        length = c_ulong(65536)
        buffer = ctypes.create_string_buffer(length.value)
        self._call("C_WrapKey", self._session, byref(self._mechanism(mechanism, iv)), c_ulong(wrapping_key),
                   c_ulong(key), buffer, byref(length))
        return buffer.raw[:length.value]

    def attribute(self, handle: int, kind: int) -> bytes:
        wanted = _Attribute(kind, None, 0)
        self._call("C_GetAttributeValue", self._session, c_ulong(handle), byref(wanted), c_ulong(1))
        buffer = ctypes.create_string_buffer(wanted.length)
        wanted.value = ctypes.cast(buffer, c_void_p)
        self._call("C_GetAttributeValue", self._session, c_ulong(handle), byref(wanted), c_ulong(1))
        return buffer.raw[:wanted.length]

    def _mechanism(self, mechanism: int, iv: bytes) -> _Mechanism:
        self._iv = ctypes.create_string_buffer(iv, len(iv))  # Lives as long as the call.
        return _Mechanism(mechanism, ctypes.cast(self._iv, c_void_p) if iv else None, len(iv))

    def _label(self, slot: int) -> str:
        information = ctypes.create_string_buffer(1024)  # CK_TOKEN_INFO begins with the label, 32 bytes.
        self._call("C_GetTokenInfo", c_ulong(slot), information)
        return information.raw[:32].decode().rstrip()

    def _call(self, name: str, *arguments) -> None:
        function = ctypes.CFUNCTYPE(c_ulong)(self._table[1 + _POSITIONS[name]])
        code = function(*arguments)
        if code != 0:
            raise Pkcs11Error(name, code)
