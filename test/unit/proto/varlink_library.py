#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The server as seen by the Python varlink library: varlink_library.py VENV EVERY_SERVER DESCRIPTIONS

Calls, `more`, errors and introspection against a real server process; and the library's parser reads the descriptions of every
interface banger serves. The library comes from the package index into the virtual environment VENV, in the build tree; where that cannot be
made the test is skipped (77).
"""
import os
import subprocess
import sys
import tempfile

EVERY = {'b': True, 'i': 9007199254740993, 'f': 0.5, 's': 'ä"\n', 'o': {'k': [1, None]}, 'e': 'none', 't': {'name': 'n'},
         'ab': [], 'ai': [1, -2], 'af': [1.5], 'as': ['x'], 'ao': [{}], 'ae': ['dark'],
         'at': [{'spots': [{'x': 1, 'y': 2}], 'inner': {'name': 'm', 'again': {'name': 'o'}}}],
         'default': 'd', 'inline': {'a': 1, 'kind': 'two'}, 'many': [{'a': 'q'}, {}], 'camelCase': 7}


def library(base):
    """Runs this script again under a Python that has the library."""
    python = os.path.join(base, 'bin', 'python3')
    if not os.path.exists(python) or subprocess.run([python, '-c', 'import varlink'], capture_output=True).returncode:
        made = subprocess.run([sys.executable, '-m', 'venv', '--clear', base], capture_output=True, text=True)
        got = made.returncode or subprocess.run([python, '-m', 'pip', '-q', 'install', 'varlink==31.0.0'], capture_output=True).returncode
        if got:
            print('SKIP: the varlink library cannot be installed')
            sys.exit(77)
    os.execv(python, [python] + sys.argv)


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, '__dict__'):
        value = vars(value)
    return {k: plain(v) for k, v in value.items() if v is not None} if isinstance(value, dict) else value


def equal(got, want):
    if got != want:
        sys.exit('got %r\nwant %r' % (got, want))


def main():
    try:
        import varlink
    except ImportError:
        library(sys.argv[1])
    texts = subprocess.run([sys.argv[3]], capture_output=True, text=True, check=True).stdout
    equal([varlink.Interface(text).name for text in texts.split('\0')[:-1]],
          ['io.banger', 'io.banger.Agent', 'io.banger.Hello', 'io.banger.Helper', 'io.banger.Worker'])
    with tempfile.TemporaryDirectory() as folder:
        address = os.path.join(folder, 's')
        server = subprocess.Popen([sys.argv[2], address], stdout=subprocess.PIPE, text=True)
        try:
            equal(server.stdout.readline(), 'ready\n')
            talk(varlink, 'unix:' + address)
        finally:
            server.terminate()
            equal(server.wait(), 0)
    print('ok')


def talk(varlink, address):
    with varlink.Client(address) as client:
        equal(sorted(client.get_interfaces()), ['org.example.Every', 'org.varlink.service'])
        with client.open('org.varlink.service') as service:
            equal(service.GetInfo()['product'], 'every')
        with client.open('org.example.Every') as every:
            equal(plain(every.Echo(EVERY)['all']), plain(EVERY))
            equal([r['n'] for r in every.Count(3, _more=True)], [0, 1, 2, 3])
            equal(every.Count(3)['n'], 3)
            every.Note('from afar', _oneway=True)
            equal(every.Notes()['text'], 'from afar;')
            for call, error, key, value in (
                    (lambda: every.Fail('NotFound'), 'io.banger.NotFound', 'operation', 'op-1'),
                    (lambda: every.Count(1 << 70), 'org.varlink.service.InvalidParameter', 'parameter', 'to'),
                    (lambda: every.Raw('no upgrade'), 'org.varlink.service.InvalidParameter', 'parameter', 'upgrade')):
                try:
                    call()
                    sys.exit('%s expected' % error)
                except varlink.VarlinkError as e:
                    equal(e.error(), error)
                    equal(e.parameters()[key], value)


if __name__ == '__main__':
    main()
