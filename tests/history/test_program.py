"""The program: what it reads, what it prints, how it ends."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from checker.violations import KINDS
from story import Story

PROGRAM = Path(__file__).with_name("check.py")


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, PROGRAM, *arguments], input=text, capture_output=True, text=True,
                          check=False, timeout=60)


def written(lines: list) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def _wrong() -> Story:
    story = Story()
    story.disable(1000, 2000, 2)
    story.sign(2001, 3000)
    story.final(4000, "disabled", 1, 2)
    return story


class Program(unittest.TestCase):
    def test_nothing_wrong_is_0(self):
        story = Story()
        story.final(100, "enabled", 1, 1)
        done = run("-", text=written(story.lines))
        self.assertEqual((0, "1 keys, 1 changes (0 without an answer), 0 signatures, 2 reads: nothing is wrong\n", ""),
                         (done.returncode, done.stdout, done.stderr))

    def test_a_violation_is_1_with_the_operations_that_show_it(self):
        done = run("-", text=written(_wrong().lines))
        self.assertEqual(1, done.returncode)
        self.assertEqual([
            "barrier: key k: signature 3 was started 1 ns after disable 2 had returned, and no later enable was "
            "invoked before it ended",
            "    2: c at a: disable k (request r2) 0.000001000s .. 0.000002000s: ok disabled, version 1, revision 2",
            "    3: c at b: sign k 0.000002001s .. 0.000003000s: ok version 1",
            "1 keys, 2 changes (0 without an answer), 1 signatures, 2 reads: 1 barrier"], done.stdout.splitlines())

    def test_several_files_are_one_history(self):
        lines = _wrong().lines
        with tempfile.TemporaryDirectory() as folder:
            names = [Path(folder) / name for name in ("one", "two")]
            names[0].write_text(written(lines[2:]))
            names[1].write_text(written(lines[:2]))
            self.assertEqual(1, run(*map(str, names)).returncode)

    def test_final_reads_are_demanded_of_the_sites_that_are_named(self):
        story = Story()
        story.final(100, "enabled", 1, 1)
        lines = [{"sites": ["a", "b", "c"]}, *story.lines]
        self.assertIn("unread: key k: site c gave no final read", run("-", text=written(lines)).stdout)
        self.assertEqual(0, run("--partial", "-", text=written(lines)).returncode)

    def test_what_is_printed_of_a_kind_is_limited_and_all_is_counted(self):
        story = _wrong()
        for start in range(5000, 5010):
            story.sign(start, start + 1)
        done = run("--partial", "--limit", "2", "-", text=written(story.lines))
        self.assertEqual(2, done.stdout.count("barrier: key"))
        self.assertIn("barrier: 9 more\n", done.stdout)
        self.assertIn(": 11 barrier\n", done.stdout)

    def test_the_help_names_every_kind(self):
        done = run("--help")
        self.assertEqual(0, done.returncode)
        for kind in KINDS:
            self.assertIn(f"\n  {kind} ", done.stdout)


class NoHistory(unittest.TestCase):
    def refuses(self, text: str, why: str) -> None:
        done = run("--partial", "-", text=text)
        self.assertEqual((2, ""), (done.returncode, done.stdout), done.stderr)
        self.assertIn(why, done.stderr)

    def refuses_line(self, why: str, **fields) -> None:
        line = Story().lines[0] | fields
        self.refuses(written([line]), f"check.py: -:1: {why}")

    def test_empty_or_no_json(self):
        self.refuses("", "there is no operation in it")
        self.refuses("{\n", "-:1: no JSON")
        self.refuses("3\n", "-:1: not a JSON object")
        self.assertEqual(2, run("/nowhere/at all").returncode)

    def test_fields_that_are_missing_or_wrong(self):
        self.refuses_line("op is one of create, enable, disable, rotate, policy, sign, get, not 'lock'", op="lock")
        self.refuses_line("client is to be a text, not null", client=None)
        self.refuses_line("start_ns is to be a whole number, not 1.5", start_ns=1.5)
        self.refuses_line("end_ns is before start_ns", start_ns=11)
        self.refuses_line("end_ns is to be a whole number, not null", end_ns=None)
        self.refuses_line("request_id is to be a text, not null", request_id=None)
        self.refuses_line("outcome is one of ok, refused, unknown, not 'fine'", outcome="fine")
        self.refuses_line("code is to be a text, not null", outcome="refused")
        self.refuses_line("state is one of enabled, disabled, not 'ENABLED'", state="ENABLED")
        self.refuses_line("revision is to be a whole number from 1, not \"1\"", revision="1")
        self.refuses_line("version is to be a whole number from 1, not true", version=True)
        self.refuses_line("isolation is one of stop, continue, not 'STOP'", isolation="STOP")
        self.refuses_line("uninformed_sites: until_ns is to be a whole number, not null",
                          uninformed_sites=[{"site": "b"}])
        self.refuses_line("uninformed_sites is a list", uninformed_sites="b")

    def test_lines_that_do_not_go_together(self):
        line = Story().lines[0]
        self.refuses(written([line, line]), "-:2: another line has the id 1 too")
        other = line | {"id": 2, "op": "enable"}
        self.refuses(written([line, other]), "request_id r1 is of two different changes, 1 and 2")
        self.refuses(written([other]), "key k has no create, and no get that ended before its first change started")


if __name__ == "__main__":
    unittest.main()
