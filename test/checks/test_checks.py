#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The check scripts find what they are for: each case plants one fault in a small tree and expects it to be named."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"
SPDX = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
BINARY = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else None


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)
        for name in ("src/base", "src/net", "subprojects", "guest", "scripts", "test", "docs"):
            (self.top / name).mkdir(parents=True)
        for name in ("meson.build", "README.md", "LICENSE", "guest/unit", "scripts/test", "test/meson.build", "docs/state.md",
                     "subprojects/zlib.wrap"):
            (self.top / name).write_text("x\n")
        self.write("src/base/err.h", SPDX + "#pragma once\n")
        self.write("src/base/err.c", SPDX + '#include "base/err.h"\n\n#include <stdio.h>\n')

    def write(self, name, text):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_check(self, check):
        return subprocess.run([SCRIPTS / check, self.top], capture_output=True, text=True, check=False)

    def passes(self, check):
        done = self.run_check(check)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def finds(self, check, text):
        done = self.run_check(check)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(text, done.stdout)


class Layers(Tree):
    def test_clean(self):
        self.write("src/net/link.c", SPDX + '#include <stdio.h>\n#include "base/err.h"\n')
        self.passes("check-layers")

    def test_upward(self):
        self.write("src/base/mem.c", SPDX + '#include "net/link.h"\n')
        self.finds("check-layers", 'base/ may not include "net/link.h"')

    def test_without_folder(self):
        self.write("src/base/mem.c", SPDX + '#include "err.h"\n')
        self.finds("check-layers", 'must be named as "dir/file.h"')

    def test_unknown_room(self):
        self.write("src/misc/a.c", SPDX)
        self.finds("check-layers", "room misc/ is not in the list")

    def test_helper_and_vmm(self):
        self.write("src/helper/on_launch.c", SPDX + '#include "vmm/firecracker/api.h"\n')
        self.finds("check-layers", "may include only vmm/kvm_probe.h, vmm/trust.h, vmm/vmm.h")

    def test_third_party(self):
        self.write("src/unpack/tar.c", SPDX + "#include <archive.h>\n")
        self.write("src/base/json.c", SPDX + "#include <cJSON.h>\n")
        self.write("src/kfile/elf.c", SPDX + "#include <zstd.h>\n")
        self.passes("check-layers")
        self.write("src/net/link.c", SPDX + "#include <archive.h>\n")
        self.finds("check-layers", "net/link.c: <archive.h> belongs to unpack/ only")

    def test_third_party_in_header(self):
        self.write("src/ext4/ext4_internal.h", SPDX + "#include <ext2fs/ext2fs.h>\n")
        self.passes("check-layers")
        self.write("src/ext4/fs.h", SPDX + "#include <ext2fs/ext2fs.h>\n")
        self.finds("check-layers", "<ext2fs/ext2fs.h> in a header of ours")


class Size(Tree):
    @staticmethod
    def function(lines):
        return "static MUST int\nlong_one(int a)\n{\n" + "\ta++; /* } */ f('}', \"}\");\n" * (lines - 3) + "}\n"

    def test_limits(self):
        self.write("src/base/mem.c", SPDX + self.function(60) + "struct x {\n" + "\tint a;\n" * 200 + "};\n")
        self.assertIn("0 warnings", self.passes("check-size"))
        self.write("src/base/mem.c", SPDX + self.function(61))
        self.assertIn("long_one() has 61 lines", self.passes("check-size"))
        self.write("src/base/mem.c", SPDX + self.function(101))
        self.finds("check-size", "mem.c:3: long_one() has 101 lines")

    def test_file(self):
        self.write("src/base/mem.c", SPDX + "int a;\n" * 500)
        self.assertIn("501 lines, aim below 500", self.passes("check-size"))
        self.write("test/unit/test_mem.c", SPDX + "int a;\n" * 800)
        self.finds("check-size", "test_mem.c: 801 lines")


class Style(Tree):
    def test_clean(self):
        self.passes("check-style")

    def test_each(self):
        for code, text in ((SPDX + "void f(void)\n{\n\tgoto out;\n}\n", "goto"), (SPDX + "char *p = strcpy(a, b);\n", "strcpy"),
                           ("int a;\n", "first line is not"), (SPDX + "int r = system(c);\n", "system")):
            self.write("src/base/mem.c", code)
            self.finds("check-style", text)
        self.write("src/base/mem.c", SPDX + "/* no goto out; and no strcpy(a) */\n")
        self.passes("check-style")

    def test_own_header_first(self):
        self.write("src/base/err.c", SPDX + '#include <stdio.h>\n#include "base/err.h"\n')
        self.finds("check-style", 'first include is not its own "base/err.h"')


class TopLevel(Tree):
    def test_clean(self):
        self.passes("check-tree")

    def test_stranger(self):
        self.write("notes.txt", "x")
        self.finds("check-tree", "notes.txt: does not belong")

    def test_options_and_code(self):
        self.write("subprojects/packagefiles/x/meson_options.txt", "x")
        self.finds("check-tree", "only built-in options")
        self.write("subprojects/zlib.c", "x")
        self.finds("check-tree", "subprojects/zlib.c: only wraps")

    def test_missing(self):
        shutil.rmtree(self.top / "docs")
        self.finds("check-tree", "docs: missing")


class Smoke(Tree):
    def rows(self, *rows):
        self.write("test/e2e/test_x.py", "def test_there(host):\n    pass\n")
        filler = ["| a case | `test/e2e/test_x.py::test_there` |"] * 25
        self.write("test/smoke/README.md", "\n".join(["| scenario | where |", "|---|---|", *filler, *rows, ""]))

    def test_clean(self):
        self.rows("| two | `test/e2e/test_x.py::test_there`, `test/e2e/test_x.py` |", "| waits | later: vm workspace |")
        self.assertIn("27 scenarios, 0 complaints", self.passes("check-smoke"))

    def test_gone(self):
        self.rows("| it | `test/e2e/test_x.py::test_gone` |")
        self.finds("check-smoke", "it: there is no test/e2e/test_x.py::test_gone")
        self.rows("| it | `test/e2e/test_y.py` |")
        self.finds("check-smoke", "it: there is no test/e2e/test_y.py")

    def test_command_is_there_by_now(self):
        self.rows("| it | later: vm workspace |")
        self.write("src/cli/vm_workspace.c", SPDX)
        self.finds("check-smoke", "there is a command 'vm workspace' by now")

    def test_neither(self):
        self.rows("| it | somewhere |")
        self.finds("check-smoke", "it: 'somewhere' is neither tests nor later work")

    def test_not_understood(self):
        self.write("test/smoke/README.md", "scenario, where\n")
        self.finds("check-smoke", "only 0 scenarios")


class Binary(unittest.TestCase):
    @staticmethod
    def run_check(path):
        return subprocess.run([SCRIPTS / "check-binary", path], capture_output=True, text=True, check=False)

    def test_dynamic(self):
        done = self.run_check(sys.executable)
        self.assertEqual(done.returncode, 1)
        self.assertIn("has an interpreter", done.stdout)

    def test_not_elf(self):
        self.assertEqual(self.run_check(__file__).returncode, 1)

    @unittest.skipUnless(BINARY, "given in the release tree only")
    def test_too_large(self):
        with tempfile.NamedTemporaryFile() as copy:
            copy.write(pathlib.Path(BINARY).read_bytes() + bytes(3 << 20))
            copy.flush()
            done = self.run_check(copy.name)
        self.assertEqual(done.returncode, 1)
        self.assertIn("limit", done.stdout)


if __name__ == "__main__":
    unittest.main()
