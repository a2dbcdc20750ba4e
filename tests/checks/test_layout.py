"""The layout of every source file is clang-format's. Another version would lay some lines out differently: the project's
is Debian 12's. `tools/lint --fix` mends what is found."""

import shutil
import subprocess
import unittest

from sources import REPOSITORY, cpp_files

CLANG_FORMAT = shutil.which("clang-format-14")


class Layout(unittest.TestCase):
    def test_clang_format_would_change_nothing(self):
        files = sorted(map(str, cpp_files()))
        done = subprocess.run([CLANG_FORMAT, "--dry-run", "-Werror", *files], cwd=REPOSITORY, capture_output=True, text=True)
        wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line})
        self.assertEqual([], wrong, "run tools/lint --fix")
        self.assertEqual(0, done.returncode, done.stderr)


if __name__ == "__main__":
    unittest.main()
