"""A client that has certificates imported and removed, and knows which ones there have to be at the end."""

import hashlib
import http.client
import time
import uuid

from support.api import ApiError, encoded
from support.appliance import openssl
from support.certificates import Ca

from .clients import PAUSE_SECONDS, Worker

# Of one key; there may be 50.
CERTIFICATES_OF_KEY = 40


class Certifier(Worker):
    def __init__(self, *arguments, ca: Ca, pause_seconds: float):
        super().__init__(*arguments)
        self._ca, self._pause = ca, pause_seconds
        # By key and certificate: whether it has to be there; None where no answer came.
        self.expected: dict[str, dict[str, bool | None]] = {}
        self._public_key = ""

    def turn(self) -> None:
        key = self._key_with_room()
        if not key:
            return
        certificates = self.expected[key]
        pem = self._ca.issue(f"{key}-{len(certificates)}", self._public_key, f"/CN={key}-{len(certificates)}")
        der = openssl("x509", "-in", pem, "-outform", "DER")
        identifier = hashlib.sha256(der).hexdigest()
        certificates[identifier] = None
        if self._change("ImportCertificate", key=key, certificatesDer=[encoded(der)]):
            certificates[identifier] = True
            if self._chance.random() < 0.4:
                certificates[identifier] = None
                if self._change("RemoveCertificate", key=key, certificateId=identifier):
                    certificates[identifier] = False
        self._stopping.wait(self._pause)

    def wrong_at(self, site: str, patience_seconds: float) -> str:
        """What a site shows that it must not, or lacks, once it has had time to hear of all; empty when all is well."""
        end = time.monotonic() + patience_seconds
        while True:
            try:
                wrong = [words for key in self.expected if (words := self._wrong_of(key, site))]
            except (ApiError, OSError, http.client.HTTPException) as error:
                wrong = [f"{site}: {error}"]
            if not wrong or time.monotonic() > end:
                return "; ".join(wrong)
            time.sleep(PAUSE_SECONDS)

    def _wrong_of(self, key: str, site: str) -> str:
        listed = self.client.ask_at(site, "CertificateService/ListCertificates", key=key)
        shown = [one["certificateId"] for one in listed.get("certificates", [])]
        expected = self.expected[key]
        lacks = [one for one, there in expected.items() if there and one not in shown]
        too_many = [one for one in shown if expected.get(one, False) is False or shown.count(one) > 1]
        if not lacks and not too_many:
            return ""
        return f"{key} at {site}: {len(lacks)} acknowledged certificates lack, {len(too_many)} are too many"

    # --- asking -------------------------------------------------------------------------------------------------

    def _key_with_room(self) -> str:
        """A key that may have another certificate; a new one when the last is full. Empty when none could be made."""
        key = next(reversed(self.expected), "")
        if key and len(self.expected[key]) < CERTIFICATES_OF_KEY:
            return key
        key = f"{self.name}-{len(self.expected)}"
        made = self._ask("KeyService/CreateKey", requestId=str(uuid.uuid4()), name=key, algorithm="EC_P256")
        read = made and self._ask("KeyService/GetPublicKey", key=key)
        if not read:
            return ""
        self._public_key = read["publicKeyPem"]
        self.expected[key] = {}
        return key

    def _change(self, procedure: str, **fields) -> bool:
        return self._ask(f"CertificateService/{procedure}", requestId=str(uuid.uuid4()), **fields) is not None

    def _ask(self, procedure: str, **request) -> dict | None:
        answer = self.client.ask(procedure, time.monotonic() + self._patience, **request)
        if answer is None:
            self.unanswered += 1
        return answer
