"""The includes of every source file against toolchain/dependencies.txt."""

import re
import unittest
from pathlib import PurePosixPath

from sources import REPOSITORY, cpp_files

_INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|(<[^>]+>))', re.MULTILINE)


class Rules:
    def __init__(self, text: str):
        self.arrows: dict[str, list[str]] = {}
        self.libraries: dict[str, list[str]] = {}
        for line in text.splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("<"):
                library, *folders = line.split()
                self.libraries[library.strip("<>")] = folders
            else:
                folder, targets = line.split(":")
                self.arrows[folder] = targets.split()

    def unit(self, path: PurePosixPath) -> str:
        """The folder of the rules that the file belongs to."""
        for folder in path.parents:
            if str(folder) in self.arrows:
                return str(folder)
        raise AssertionError(f"{path} is in no folder of toolchain/dependencies.txt")

    def allows(self, source: str, target: str) -> str | None:
        """The right-hand side that covers the arrow."""
        for allowed in self.arrows[source]:
            if target == allowed or target.startswith(allowed + "/"):
                return allowed
        return None


def included_unit(rules: Rules, header: str) -> str:
    if header.startswith("twinseal/v1/"):  # Made from the contract.
        return "common/proto"
    return rules.unit(PurePosixPath(header))


class Dependencies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rules = Rules((REPOSITORY / "toolchain" / "dependencies.txt").read_text())
        cls.includes = [(PurePosixPath(file), own, library)
                        for file in cpp_files()
                        for own, library in _INCLUDE.findall((REPOSITORY / file).read_text())]

    def test_every_include_follows_an_arrow(self):
        wrong = []
        for file, header, _ in self.includes:
            if header:
                source, target = self.rules.unit(file), included_unit(self.rules, header)
                if source != target and not self.rules.allows(source, target):
                    wrong.append(f"{file} includes {header}: there is no arrow from {source} to {target}")
        self.assertEqual([], wrong)

    def test_every_arrow_is_used(self):
        used = set()
        for file, header, _ in self.includes:
            if header:
                source = self.rules.unit(file)
                used.add((source, self.rules.allows(source, included_unit(self.rules, header))))
        arrows = {(source, target) for source, targets in self.rules.arrows.items() for target in targets}
        self.assertEqual(set(), arrows - used)

    def test_there_is_no_circle(self):
        done: set[str] = set()

        def visit(folder: str, way: tuple[str, ...]) -> None:
            self.assertNotIn(folder, way, " -> ".join((*way, folder)))
            if folder not in done:
                for allowed in self.rules.arrows[folder]:
                    for target in self.rules.arrows:
                        if target == allowed or target.startswith(allowed + "/"):
                            visit(target, (*way, folder))
                done.add(folder)

        for folder in self.rules.arrows:
            visit(folder, ())

    def test_libraries_stay_where_they_belong(self):
        wrong = []
        for file, _, header in self.includes:
            for library, folders in self.rules.libraries.items():
                if header.strip("<>").startswith(library) and not any(
                        file.is_relative_to(folder) for folder in folders):
                    wrong.append(f"{file} includes {header}, which is for {' '.join(folders)} alone")
        self.assertEqual([], wrong)

    def test_headers_are_included_once(self):
        wrong = [str(file) for file in cpp_files() if file.suffix == ".h"
                 and "\n#pragma once\n" not in "\n" + (REPOSITORY / file).read_text()]
        self.assertEqual([], wrong)


if __name__ == "__main__":
    unittest.main()
