#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/varlink-gen: what it refuses and how it says so, and that it leaves unchanged files alone. What it makes is compiled and used
by test_generated.c. usage: test_varlink_gen.py VARLINK-GEN"""
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.abspath(sys.argv[1])
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader('varlink_gen', SCRIPT)
gen = importlib.util.module_from_spec(importlib.util.spec_from_loader('varlink_gen', loader))
loader.exec_module(gen)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def files(self, *texts):
        paths = []
        for n, text in enumerate(texts):
            paths.append(os.path.join(self.folder.name, 'f%d.varlink' % n))
            with open(paths[-1], 'w', encoding='utf-8') as f:
                f.write(text)
        return paths

    def refuses(self, message, *texts):
        with self.assertRaises(gen.Problem) as got:
            gen.generate(self.files(*texts))
        self.assertIn(message, str(got.exception))


class Grammar(Case):
    def test_places(self):
        self.refuses("f0.varlink:4: ',' expected, not the end", 'interface a.b\n\ntype T (x: int\n')
        self.refuses("f0.varlink:2: unexpected '!'", 'interface a.b\ntype T! (x: int)')

    def test_refusals(self):
        for text, message in (
                ('', "'interface' expected, not the end"),
                ('interface ab\ntype T ()', 'interface name expected'),
                ('interface a.-b\ntype T ()', 'interface name expected'),
                ('interface a.b', 'empty'),
                ('interface a.b\ntype t ()', 'name expected'),
                ('interface a.b\ntype T ()\nmethod T() -> ()', "'T' is declared twice"),
                ('interface a.b\nstruct T ()', 'type, method or error expected'),
                ('interface a.b\ntype T (a: int, a: int)', "'a' twice"),
                ('interface a.b\ntype T (a, a)', "'a' twice"),
                ('interface a.b\ntype T (a, b: int)', 'members with and without a type'),
                ('interface a.b\ntype T (a_: int)', 'member name expected'),
                ('interface a.b\ntype T (a: int,)', 'member name expected'),
                ('interface a.b\ntype T (a: [string]int)', 'maps are not supported'),
                ('interface a.b\ntype T (a: [][]int)', '[] inside another'),
                ('interface a.b\ntype T (a: ??int)', '? inside another'),
                ('interface a.b\ntype T (a: []?int)', '? inside another'),
                ('interface a.b\ntype T (a: Nothing)', "no type 'Nothing'"),
                ('interface a.b\nmethod M(x) -> ()', 'named members expected'),
                ('interface a.b\nmethod M()', "'->' expected"),
                ('interface a.b\ntype T (%s)' % ', '.join('f%d: int' % n for n in range(65)), 'more than 64 members'),
                ('interface a.b\ntype Default ()', 'is a word of C'),
                ('interface a.b\ntype T (t: T)', 'contains itself'),
                ('interface a.b\ntype T (u: U)\ntype U (t: T)', 'contains itself'),
                ('interface a.b\ntype MIn ()\nmethod M() -> ()', "'m_in' is also declared"),
                ('interface io.banger.X\nerror E (why: string)', 'errors are'),
                ('interface io.banger.X\nerror E (message: string, hint: ?string, operation: ?string, more: int)', 'errors are')):
            with self.subTest(text):
                self.refuses(message, text)

    def test_pointers_break_circles(self):
        files = gen.generate(self.files('interface a.b\ntype T (t: ?T, u: []U)\ntype U (t: T)'))
        self.assertIn('struct t *t;', files['a_b.h'])

    def test_namespaces(self):
        common = 'interface a.common\ntype T (x: int)'
        self.refuses("'t' is also declared in", common, 'interface a.b\ntype T (y: int)')
        self.refuses("no type 'T'", 'interface a.c\ntype T ()\nmethod M() -> ()', 'interface a.b\ntype U (t: T)')
        files = gen.generate(self.files(common, 'interface a.b\nmethod M(t: T) -> ()'))
        self.assertIn('#include "proto/a_common.h"', files['a_b.h'])
        self.assertNotIn('a_common_rows.c', files)
        self.refuses("'T' is also a type of", 'interface a.common\ntype T (x: int)', 'interface a.b\nmethod T(t: T) -> ()')


class Annotations(Case):
    def check(self, comment, message, parameters='vm: string'):
        self.refuses(message, 'interface a.b\n# %s\nmethod M(%s) -> ()' % (comment, parameters))

    def test_refusals(self):
        self.check('@inlined', 'unknown annotation: @inlined')
        self.check('mail to a@b', 'unknown annotation: @b')
        self.check('@locks house', 'unknown annotation: @locks')
        self.check('@worker @worker', 'given twice')
        self.check('@worker @inline', 'either @inline or @worker')
        self.check('@worker @locks vm @locks image', 'given twice')
        self.check('@worker @locks image', "needs a parameter 'image'")
        self.check('@worker @locks new vm', "needs a parameter 'name'")
        self.check('@worker @locks vm', "needs a parameter 'vm'", 'vm: int')
        self.check('@worker @locks vm', "needs a parameter 'vm'", 'vm: []string')
        self.refuses('a.b.N: either @inline or @worker is needed', 'interface a.b\n# @inline\nmethod M() -> ()\n\nmethod N() -> ()')

    def test_comments_that_are_not_the_methods(self):
        files = gen.generate(self.files('interface a.b\n# @nothing, said in general\n\n# @upgrade\nmethod M() -> ()'))
        self.assertIn('VARLINK_UPGRADE', files['a_b.c'])


class Command(Case):
    def test_unchanged_files_keep_their_time(self):
        paths = self.files('interface a.b\nmethod M() -> ()')
        out = os.path.join(self.folder.name, 'out')
        os.mkdir(out)
        for _ in range(2):
            subprocess.run([SCRIPT, '--out', out] + paths, check=True)
            for name in os.listdir(out):
                self.assertNotEqual(os.stat(os.path.join(out, name)).st_size, 0)
                if _:
                    self.assertEqual(os.stat(os.path.join(out, name)).st_mtime, 1)
                os.utime(os.path.join(out, name), (1, 1))
        self.assertEqual(sorted(os.listdir(out)), ['a_b.c', 'a_b.h', 'a_b_rows.c'])

    def test_failures(self):
        got = subprocess.run([SCRIPT], capture_output=True, text=True)
        self.assertEqual((got.returncode, got.stderr[:6]), (1, 'usage:'))
        got = subprocess.run([SCRIPT, '--out', self.folder.name] + self.files('interface a.b'), capture_output=True, text=True)
        self.assertEqual(got.returncode, 1)
        self.assertIn('f0.varlink:1: the interface is empty', got.stderr)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
