"""The appliance's API as a client in another language sees it: HTTP, JSON and nothing of our own code."""

import base64
import http.client
import json
import ssl
import uuid
from dataclasses import dataclass
from pathlib import Path

from bench_sites.addresses import Address

from .audit import AuditRecord


class ApiError(Exception):
    """A refusal: Connect's code, its HTTP status, the message."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(f"{code} ({status}): {message}")
        self.status, self.code, self.message = status, code, message


@dataclass
class Identity:
    """A client certificate with its key, and whom it trusts."""

    certificate: Path | None
    key: Path | None
    ca: Path

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context


def decoded(field: str) -> bytes:
    return base64.b64decode(field)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Api:
    """One keep-alive connection; one thread at a time."""

    def __init__(self, address: Address, identity: Identity, timeout: float = 30.0, relay: Address | None = None):
        """With a relay, `address` is what it is asked for."""
        self._address, self._relay, self._timeout = address, relay, timeout
        self._tls = identity.tls()
        self._connection: http.client.HTTPSConnection | None = None

    def connect(self) -> None:
        """Does nothing when there is a connection. What fails here was never asked of the site."""
        if self._connection:
            return
        connection = http.client.HTTPSConnection(*(self._relay or self._address), context=self._tls,
                                                 timeout=self._timeout)
        if self._relay:
            connection.set_tunnel(*self._address)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        self._connection = connection

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def request(self, method: str, path: str, body: bytes | None = None,
                headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body. Raises OSError or http.client.HTTPException when there is
        no answer."""
        self.connect()
        try:
            self._connection.request(method, path, body, headers or {})
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        answered = {name.lower(): value for name, value in response.getheaders()}
        if answered.get("connection", "").lower() == "close":
            self.close()
        return response.status, answered, content

    def post(self, procedure: str, body: bytes,
             content_type: str = "application/json") -> tuple[int, dict[str, str], bytes]:
        return self.request("POST", f"/twinseal.v1.{procedure}", body, {"Content-Type": content_type})

    def call(self, procedure: str, **fields) -> dict:
        """`SigningService/Sign`, with the request's fields by their JSON names."""
        status, _, content = self.post(procedure, json.dumps(fields).encode())
        answer = json.loads(content)
        if status != 200:
            raise ApiError(status, answer["code"], answer["message"])
        return answer

    def change(self, procedure: str, **fields) -> dict:
        """A call that changes something, under a request id of its own unless one is given."""
        return self.call(procedure, **{"requestId": str(uuid.uuid4()), **fields})

    def create_key(self, name: str, algorithm: str = "EC_P256", **fields) -> dict:
        return self.change("KeyService/CreateKey", name=name, algorithm=algorithm, **fields)

    def sign(self, key: str, digest: bytes, **fields) -> bytes:
        return decoded(self.call("SigningService/Sign", key=key, digest=encoded(digest), **fields)["signature"])

    def audit_records(self) -> list[AuditRecord]:
        """The whole log."""
        records: list[AuditRecord] = []
        while True:
            page = self.call("AuditService/ListAuditRecords", firstSequence=str(len(records)), pageSize=1000)
            stored = page.get("records", [])
            records += [AuditRecord.parse(decoded(record["record"])) for record in stored]
            if not stored or len(records) >= int(page["treeSize"]):
                return records
