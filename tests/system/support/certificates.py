"""A CA of the tests' own, which issues certificates for keys of a pair."""

from pathlib import Path

from .appliance import openssl


class Ca:
    """A root and an issuing CA below it, made with openssl, in a folder of their own."""

    def __init__(self, folder: Path):
        folder.mkdir()
        self._folder = folder
        self.root = self._certificate("root", "/CN=Test Root", self._new_key("root"), signer="root", ca=True)
        self.issuing = self._certificate("issuing", "/CN=Test Issuing CA", self._new_key("issuing"), signer="root",
                                         issuer=self.root, ca=True)

    def issue(self, name: str, public_key: str, subject: str) -> Path:
        """A certificate for the key of this PEM; its file."""
        key = self._folder / f"{name}.pub.pem"
        key.write_text(public_key)
        return self._certificate(name, subject, key, signer="issuing", issuer=self.issuing)

    def _new_key(self, name: str) -> Path:
        key, public = self._folder / f"{name}.key", self._folder / f"{name}.pub.pem"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        openssl("pkey", "-in", key, "-pubout", "-out", public)
        return public

    def _certificate(self, name: str, subject: str, public_key: Path, signer: str, issuer: Path | None = None,
                     ca: bool = False) -> Path:
        certificate, extensions = self._folder / f"{name}.pem", self._folder / f"{name}.ext"
        extensions.write_text("basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign\n" if ca else
                              "keyUsage = critical,digitalSignature\nsubjectAltName = DNS:localhost\n")
        request, key = self._folder / f"{name}.csr", self._folder / f"{signer}.key"
        openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        signed_by = ("-CA", issuer, "-CAkey", key) if issuer else ("-signkey", key)
        openssl("x509", "-req", "-in", request, "-force_pubkey", public_key, *signed_by, "-days", "30",
                "-extfile", extensions, "-out", certificate)
        return certificate
