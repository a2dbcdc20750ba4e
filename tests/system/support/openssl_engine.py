"""OpenSSL with the engine of libp11 on the PKCS#11 module, configured by a file alone."""

from pathlib import Path

from .module import ModuleTest

_SETTINGS = """\
openssl_conf = settings
[settings]
engines = engines
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
MODULE_PATH = {module}
init = 1

[req]
distinguished_name = name
prompt = no
[name]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
subjectAltName = DNS:localhost
extendedKeyUsage = serverAuth
[signer]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning
"""


class EngineTest(ModuleTest):
    settings: Path

    @classmethod
    def set_up_programs(cls) -> None:
        super().set_up_programs()
        cls.settings = cls.folder / "openssl.cnf"
        cls.settings.write_text(_SETTINGS.format(module=cls.module))

    @classmethod
    def program_environment(cls) -> dict[str, str]:
        return {**super().program_environment(), "OPENSSL_CONF": str(cls.settings)}

    def key_uri(self, name: str) -> str:
        return f"{self.uri(name)}?pin-source=file:{self.pin_file}"

    def self_signed(self, name: str, subject: str, extensions: str) -> Path:
        """A certificate for the key, signed with it."""
        certificate = self.folder / f"{name}.crt.pem"
        self.run_program("openssl", "req", "-x509", "-new", "-engine", "pkcs11", "-keyform", "engine",
                         "-key", self.key_uri(name), "-subj", subject, "-extensions", extensions, "-days", "30",
                         "-out", certificate)
        return certificate
