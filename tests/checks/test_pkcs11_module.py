"""What libtwinseal-pkcs11.so exports and needs: an application may have loaded other releases of what we are built of."""

import os
import re
import subprocess
import unittest

MODULE = os.environ["TWINSEAL_PKCS11_MODULE"]
EXPORTS = {"C_GetFunctionList", "C_GetInterface", "C_GetInterfaceList"}
UNWANTED = re.compile(r"protobuf\.|protobuf-lite|protoc|absl|boost|fmt|spdlog|sqlite|CLI11", re.IGNORECASE)


def readelf(*options: str) -> list[str]:
    done = subprocess.run(["readelf", "--wide", *options, MODULE], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


class Module(unittest.TestCase):
    def test_it_exports_what_applications_look_up_and_nothing_else(self):
        exported = set()
        for line in readelf("--dyn-syms"):
            columns = line.split()
            # Num: Value Size Type Bind Vis Ndx Name
            if len(columns) == 8 and columns[0].rstrip(":").isdigit():
                bind, index, name = columns[4], columns[6], columns[7]
                if bind != "LOCAL" and index not in ("UND", "ABS"):
                    exported.add(name.split("@")[0])
        self.assertEqual(EXPORTS, exported)

    def test_it_needs_no_library_that_applications_have_in_other_releases(self):
        needed = [match[1] for line in readelf("--dynamic") if (match := re.search(r"\(NEEDED\).*\[(.+)\]", line))]
        self.assertTrue(needed)
        self.assertEqual([], [library for library in needed if UNWANTED.search(library)])

    def test_it_stays_when_it_is_unloaded(self):
        flags = " ".join(line for line in readelf("--dynamic") if "FLAGS" in line)
        self.assertIn("NODELETE", flags)


if __name__ == "__main__":
    unittest.main()
