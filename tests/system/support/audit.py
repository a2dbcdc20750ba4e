"""Audit records read from their stored bytes: enough of protobuf's wire format for that."""

from dataclasses import dataclass, field


def fields(data: bytes):
    """Number and value of each field: an int, or bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 2:
            length = varint()
            yield key >> 3, data[at:at + length]
            at += length
        else:
            raise ValueError(f"wire type {key & 7} at {at}")


@dataclass
class AuditRecord:
    """Fields of AuditRecord in common/proto/twinseal/v1/audit.proto."""

    sequence: int = 0
    request_id: str = ""
    caller_role: str = ""
    caller_name: str = ""
    operation: str = ""
    key_id: str = ""
    key_name: str = ""
    key_version: int = 0
    outcome: str = ""
    detail: str = ""
    digests: list[bytes] = field(default_factory=list)

    @classmethod
    def parse(cls, data: bytes) -> "AuditRecord":
        names = {4: "request_id", 5: "caller_role", 6: "caller_name", 7: "operation", 8: "key_id", 9: "key_name",
                 13: "outcome", 14: "detail"}
        record = cls()
        for number, value in fields(data):
            if number in names:
                setattr(record, names[number], value.decode())
            elif number == 12:
                record.digests.append(value)
            elif number == 1:
                record.sequence = value
            elif number == 10:
                record.key_version = value
        return record
