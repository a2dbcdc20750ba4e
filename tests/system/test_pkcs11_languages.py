"""Programs in other languages on the module: pkcs11js of Node.js and, where there is a Java, its SunPKCS11."""

import hashlib
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from support.certificates import Ca
from support.module import TOKEN, ModuleTest, program

HERE = Path(__file__).resolve().parent


def java_compiles() -> bool:
    """A Java that can run a source file; a runtime alone has no compiler."""
    if not shutil.which("java"):
        return False
    modules = subprocess.run(["java", "--list-modules"], capture_output=True, text=True).stdout
    return "jdk.compiler@" in modules and "jdk.crypto.cryptoki@" in modules


def node_modules(folder: Path) -> Path:
    """pkcs11js as package-lock.json has it, with its checksum, built for the Node.js that is here; fetched once for a
    build folder."""
    sources = [HERE / "pkcs11js" / name for name in ("package.json", "package-lock.json")]
    version = subprocess.run([program("node"), "--version"], capture_output=True).stdout
    wanted = hashlib.sha256(version + b"".join(source.read_bytes() for source in sources)).hexdigest()
    place = folder / f"pkcs11js-{wanted[:16]}"
    if not place.exists():
        fresh = folder / f"{place.name}.{os.getpid()}"
        fresh.mkdir(parents=True)
        for source in sources:
            shutil.copy(source, fresh)
        # Headers of the Node.js that is here, where it brings them; else the build would fetch them.
        headers = Path(program("node")).resolve().parents[1]
        known = {"npm_config_nodedir": str(headers)} if (headers / "include" / "node" / "node.h").exists() else {}
        done = subprocess.run([program("npm"), "ci", "--no-audit", "--no-fund", "--loglevel", "error"], cwd=fresh,
                              env={**os.environ, **known}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            shutil.rmtree(fresh)
            raise AssertionError(f"npm ci failed:\n{done.stdout}{done.stderr}")
        try:
            fresh.rename(place)
        except OSError:  # Another run was quicker.
            shutil.rmtree(fresh)
    return place / "node_modules"


class Languages(ModuleTest):
    def test_pkcs11js(self):
        self.token_key("from-node")
        packages = node_modules(self.bench.programs.folder.parent / "node")
        said = self.run_program(program("node"), HERE / "pkcs11js" / "sign.js", self.module, self.pin_file, "from-node",
                                self.public_key_file("from-node"), NODE_PATH=str(packages))
        self.assertIn("all is well", said)

    @unittest.skipUnless(java_compiles(), "no Java here that runs source files")
    def test_java(self):
        for algorithm, bits, schemes in (("EC", 256, ["SHA256withECDSA"]), ("EC", 384, ["SHA384withECDSA"]),
                                         ("RSA", 2048, ["SHA256withRSA", "SHA512withRSA"])):
            with self.subTest(algorithm, bits=bits):
                name = f"from-java-{algorithm.lower()}-{bits}"
                settings = self.folder / f"{name}.cfg"
                settings.write_text(_JAVA_SETTINGS.format(module=self.module, name=TOKEN, label=name.encode().hex()))
                said = self.run_program("java", HERE / "pkcs11java" / "Sign.java", settings, self.pin_file, algorithm,
                                        str(bits), *schemes)
                self.assertIn("all is well", said)
                self.assertTrue(self.public_key_file(name).read_text())

    @unittest.skipUnless(java_compiles(), "no Java here that runs source files")
    def test_java_finds_a_key_by_its_certificate(self):
        self.token_key("in-a-key-store")
        ca = Ca(self.folder / "ca")
        certificate = ca.issue("leaf", self.public_key_file("in-a-key-store").read_text(), "/CN=leaf")
        self.twinseal("certificate", "import", "--key", "in-a-key-store", "--in", certificate, "--in", ca.issuing,
                      "--in", ca.root)
        settings = self.folder / "key-store.cfg"
        settings.write_text(f"name = {TOKEN}\nlibrary = {self.module}\nslotListIndex = 0\n")
        said = self.run_program("java", HERE / "pkcs11java" / "KeyStoreSign.java", settings, self.pin_file,
                                "in-a-key-store", "SHA256withECDSA", "3")
        self.assertIn("all is well", said)


# Keys are the pair's from the start: without a label they would have no name.
_JAVA_SETTINGS = """\
name = {name}
library = {module}
slotListIndex = 0
attributes(generate, CKO_PRIVATE_KEY, *) = {{
  CKA_TOKEN = true
  CKA_LABEL = 0h{label}
}}
attributes(generate, CKO_PUBLIC_KEY, *) = {{
  CKA_TOKEN = true
  CKA_LABEL = 0h{label}
}}
"""


if __name__ == "__main__":
    unittest.main()
