#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Whether `boot` takes no script that could pass for nothing, and judges boots as their scripts
ask. Needs no QEMU."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
# Nothing but sources in this folder.
sys.dont_write_bytecode = True
import program

boot = program.load(HERE / "boot")

COMMANDS = "\nmem mark\n"


def malformed(head, body=COMMANDS):
    return boot.Script("script", head + body).malformed


class Heads(unittest.TestCase):
    def assert_malformed(self, head, why, body=COMMANDS):
        self.assertIn(why, malformed(head, body) or "taken as it is")

    def test_all_scripts_are_well_formed(self):
        for path in sorted((HERE / "scripts").iterdir()):
            with self.subTest(path.name):
                self.assertIsNone(boot.Script(path.name, path.read_text()).malformed)

    def test_directives_are_taken(self):
        script = boot.Script("script", "# arch: i386 m68k\n# typed\n# expect-output: a: b\n"
                             "# expect-output: more\n# expect-fault: read|write\n"
                             "# expect-oops: run\n#\n# Text.\nmem\n")
        self.assertIsNone(script.malformed)
        self.assertEqual(script.archs, ["i386", "m68k"])
        self.assertEqual(script.expect_output, ["a: b", "more"])
        self.assertEqual(script.expect_fault.pattern, "fault: .*(?:read|write)")
        self.assertEqual(script.expect_oops.pattern, "oops: .*(?:run)")
        self.assertTrue(script.typed)
        self.assertTrue(script.is_for("i386") and not script.is_for("x86_64"))

    def test_comments_follow_a_line_that_is_empty_or_no_comment_or_its_sign_alone(self):
        for head in ["#\n# Text: more.", "# arch: m68k\n#\n# Text", "\n# Text", "mem\n# Text"]:
            with self.subTest(head):
                self.assertIsNone(malformed(head))

    def test_what_is_misspelt_is_no_comment(self):
        for line in ["# expect-ouptut: x", "# expect-output x", "# expect-output : x",
                     "# expect_output: x", "# Expect-output: x", "# expect-output:x",
                     "# expect output: x", "#expect-output: x", "# expected-output: x",
                     "## expect-output: x", "#  expect-output: x", "#! expect-output: x",
                     "# arhc: i386", "# architecture: i386", "# arch i386", "# Typed", "# typd",
                     "# typed at the console", "# typed: yes", "# typed:", "# x: y", "# Text"]:
            with self.subTest(line):
                self.assert_malformed(line, f"line 1: `{line}` is no directive")
                self.assert_malformed(f"# arch: m68k\n{line}", f"line 2: `{line}` is no directive")

    def test_a_directive_without_a_value_is_rejected(self):
        for line in ["# arch", "# arch:", "# arch: ", "# expect-output:", "# expect-fault: "]:
            with self.subTest(line):
                self.assert_malformed(line, "is no directive")

    def test_a_directive_after_the_head_is_rejected(self):
        for line in ["# expect-output: x", "# expect-ouptut: x", "#arch: m68k", "# typed",
                     "  # arch: m68k"]:
            for before in ["#\n# Text.\n", "\n", "mem\n"]:
                with self.subTest(before + line):
                    self.assert_malformed(before + line, f"`{line.strip()}` looks like a directive")

    def test_what_is_said_twice_is_rejected(self):
        for line in ["# arch: m68k", "# typed", "# expect-fault: x", "# expect-oops: x", "# expect-output: x"]:
            with self.subTest(line):
                self.assert_malformed(f"{line}\n{line}", "said before")
        self.assert_malformed("# arch: i386 i386", "twice")

    def test_an_unknown_architecture_is_rejected(self):
        self.assert_malformed("# arch: i386 x86-64", "line 1: arch: `x86-64` is none of")
        self.assert_malformed("# arch: i386, m68k", "`i386,` is none of")

    def test_a_fault_that_cannot_be_told_from_others_is_rejected(self):
        self.assert_malformed("# expect-fault: read(", "`read(` is no regular expression")
        for regex in [".*", "x*", "read|", "(read)?"]:
            with self.subTest(regex):
                self.assert_malformed(f"# expect-fault: {regex}", "matches every report")

    def test_output_that_always_or_never_comes_is_rejected(self):
        self.assert_malformed("# expect-output:  x", "no line of output can contain ` x`")
        self.assert_malformed("# expect-output: > mem", "no line of output can contain")
        self.assert_malformed("# expect-output: script passed", "every script prints")
        self.assert_malformed("# expect-output: s", "every script prints")

    def test_what_could_not_fail_is_rejected(self):
        self.assert_malformed("# typed", "it could not fail")
        self.assertIsNone(malformed("# typed\n# expect-output: x"))
        for body in ["", "\n", "\n#\n# Text\n\n"]:
            self.assert_malformed("# arch: m68k", "no commands", body)


class Verdicts(unittest.TestCase):
    """On what a boot printed and the status that QEMU ended with."""

    SUCCESS, FAILURE = boot.STATUS["x86_64"]

    def judge(self, head, output, status, words=("audit",)):
        machine = boot.Machine("x86_64", "kernel", "initrd", 1, words)
        return machine.judge(boot.Script("script", head + COMMANDS), output, status)

    def test_a_script_has_to_say_that_it_passed(self):
        self.assertIsNone(self.judge("#", ["script passed"], self.SUCCESS))
        self.assertIsNotNone(self.judge("#", [], self.SUCCESS))
        self.assertIsNotNone(self.judge("#", ["> script passed"], self.SUCCESS))
        self.assertIsNotNone(self.judge("#", ["script passed"], self.FAILURE))
        self.assertIsNotNone(self.judge("#", ["script passed"], 1))

    def test_a_timer_has_to_have_interrupted_often(self):
        def judge(*lines):
            return self.judge("#", ["script passed", *lines], self.SUCCESS, ["audit", "timer"])

        self.assertIsNone(judge("timer: fired 1000 times, 3 in a load or unload; found"))
        for lines in [[], ["timer: fired 999 times, 3 in a"], ["> timer: fired 1000 times"]]:
            with self.subTest(lines):
                self.assertIn("the timer did not interrupt", judge(*lines))

    def test_all_of_the_output_that_is_expected_has_to_come(self):
        head = "# expect-output: one\n# expect-output: two"
        self.assertIsNone(self.judge(head, ["two one", "script passed"], self.SUCCESS))
        for lines in [["one"], ["two"], ["one", "> two"]]:
            with self.subTest(lines):
                self.assertIn("no line contains",
                              self.judge(head, [*lines, "script passed"], self.SUCCESS))

    def test_the_fault_that_is_expected_has_to_be_reported(self):
        head = "# expect-fault: read|write"
        self.assertIsNone(self.judge(head, ["fault: page fault, write"], self.FAILURE))
        for output, status in [(["write"], self.FAILURE), (["fault: run"], self.FAILURE),
                               (["fault: write"], self.SUCCESS), (["script passed"], self.SUCCESS)]:
            with self.subTest(output):
                self.assertIn("no report matches", self.judge(head, output, status))

    def test_the_oops_that_is_expected_has_to_be_reported_and_no_other(self):
        head = "# expect-oops: read|write"
        passed = "script passed"
        self.assertIsNone(self.judge(head, ["oops: page, write", passed], self.SUCCESS))
        for lines in [[], ["write"], ["oops: run"], ["> oops: write"], ["oops: write", "oops: run"]]:
            with self.subTest(lines):
                self.assertIn("not one report", self.judge(head, [*lines, passed], self.SUCCESS))
        self.assertIn("did not say", self.judge(head, ["oops: write"], self.FAILURE))
        self.assertIn("does not expect", self.judge("", ["oops: write", passed], self.SUCCESS))


class Program(unittest.TestCase):
    def test_a_malformed_script_fails_by_name_before_anything_boots(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "misspelt"
            script.write_text("# expect-ouptut: x\nmem mark\n")
            for what, stream in [("test", "stdout"), ("run", "stderr")]:
                with self.subTest(what):
                    ended = subprocess.run(
                        [HERE / "boot", what, "--arch", "x86_64", "--kernel", "there is none",
                         "--scripts", script], capture_output=True, text=True)
                    self.assertEqual(ended.returncode, 1)
                    said = getattr(ended, stream)
                    self.assertIn("misspelt", said)
                    self.assertIn("line 1: `# expect-ouptut: x` is no directive", said)


if __name__ == "__main__":
    unittest.main()
