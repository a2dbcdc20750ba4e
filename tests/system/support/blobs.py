"""Key records read by the table in docs/blob-format.md alone, without our code."""

import struct
from dataclasses import dataclass

REPLICA, VAULT, TOKEN_REFERENCE = 1, 2, 3


@dataclass(frozen=True)
class Blob:
    kind: int
    key_wrap: int
    kek_wrap: int
    key_id: bytes
    version: int
    algorithm: int
    state: int
    storage: int
    revision: int
    generation: int
    public_key: bytes
    policy: bytes
    wrapped_kek: bytes
    wrapped_key: bytes
    binding: bytes
    bound: bytes  # What the binding is made over.


def parse(data: bytes) -> Blob:
    magic, form, kind, key_wrap, kek_wrap, key_id, version, algorithm, state, storage, reserved, revision, generation = \
        struct.unpack_from(">4s4B16sI4BQQ", data)
    if (magic, form, reserved) != (b"TSLB", 1, 0):
        raise ValueError("no key record of format 1")
    at, fields = 48, []
    for _ in range(4):
        (length,) = struct.unpack_from(">I", data, at)
        fields.append(data[at + 4:at + 4 + length])
        at += 4 + length
    if len(data) != at + 32:
        raise ValueError(f"{len(data) - at} bytes are left for the binding")
    return Blob(kind, key_wrap, kek_wrap, key_id, version, algorithm, state, storage, revision, generation, *fields,
                binding=data[at:], bound=data[:at])
