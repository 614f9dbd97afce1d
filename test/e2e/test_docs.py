# SPDX-License-Identifier: GPL-2.0-or-later
"""README's session is run, and the documents are compared with the tree."""
import os
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]


def session():
    """(command, its output) of README's session."""
    text = (TOP / "README.md").read_text().split("<!-- session:")[1].split("<!-- end -->")[0]
    steps = []
    for line in text.splitlines()[1:]:
        line = line.removeprefix("    ")
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif line.strip():
            steps[-1][1].append(line)
    return steps


def shape(line):
    """The line with what differs from run to run taken out: numbers, made-up names, times, column widths."""
    line = re.sub(r"^(Linux) [a-z]+-[a-z]+", r"\1 NAME", line)
    line = re.sub(r"[0-9]+ (second|minute)s?", "N TIME", line)
    line = re.sub(r"[0-9]+(\.[0-9]+)*", "N", line)
    return re.sub(r"[ -]+", " ", line).strip()


@pytest.fixture
def debian_is_default(session_host):
    session_host.configure("", image="debian-bookworm")
    session_host.ok("vm", "list")
    session_host.ok("daemon", "reload")
    yield
    session_host.configure("", image="light")
    session_host.ok("daemon", "reload")


def test_session(session_host, debian_is_default, binary, tmp_path):
    (tmp_path / "banger").symlink_to(binary)
    env = dict(os.environ, BANGER_ROOT=str(session_host.root), PATH=f"{tmp_path}:{os.environ['PATH']}")
    steps = session()
    assert len(steps) > 5
    for command, want in steps:
        got = subprocess.run(["sh", "-c", command], env=env, capture_output=True, text=True, timeout=300)
        # VMs that other tests share are listed too.
        lines = [x for x in got.stdout.splitlines() if "banger ps" not in command or x.startswith(("NAME", "otter"))]
        assert [shape(x) for x in lines] == [shape(x) for x in want], f"{command}: {got}"
        if "md5sum" in command or "exit 42" in command:
            assert got.stdout.split() == " ".join(want).split()


def test_rooms():
    rows = re.findall(r"^\| `src/([a-z0-9]+)` \|", (TOP / "docs/HACKING.md").read_text(), re.M)
    assert sorted(rows) == sorted(p.name for p in (TOP / "src").iterdir() if p.is_dir())


def test_paths_exist():
    for doc in [TOP / "README.md", *(TOP / "docs").glob("*.md")]:
        for path in re.findall(r"`((?:src|test|scripts|guest|docs|subprojects)/[A-Za-z0-9_./*-]+)`", doc.read_text()):
            if not re.search(r"[A-Z]{4}", path):
                assert list(TOP.glob(path.rstrip("/"))), f"{doc.name} names {path}"


def test_operations():
    """Each @worker method has its op_ and each @inline one its on_, and the command line names every method of the interface."""
    text = (TOP / "src/proto/io.banger.varlink").read_text()
    ops = "".join(p.read_text() for p in (TOP / "src/ops").glob("*.c"))
    daemon = "".join(p.read_text() for p in (TOP / "src/daemon").glob("*.c"))
    cli = "".join(p.read_text() for p in (TOP / "src/cli").glob("*.c"))
    methods = re.findall(r"((?:^#.*\n)+)method ([A-Za-z]+)\(", text, re.M)
    assert len(methods) > 15
    for comment, method in methods:
        name = re.sub(r"(?<!^)([A-Z])", r"_\1", method).lower()
        if "@worker" in comment:
            assert f"int op_{name}(" in ops, method
        else:
            assert f"int on_{name}(" in daemon, method
        assert re.search(rf"\b(call_{name}|{name}_method)", cli), f"no command calls {method}"
