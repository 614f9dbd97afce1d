# SPDX-License-Identifier: GPL-2.0-or-later
"""kmod's indexes in modules.ext4 are as good as depmod's: on the host for every module, in a guest for some."""
import concurrent.futures
import os
import shutil
import subprocess

import pytest

TEXTS = ["modules.dep", "modules.alias", "modules.symbols", "modules.softdep", "modules.devname"]
CAME_ALONG = ["modules.order", "modules.builtin", "modules.builtin.modinfo"]


@pytest.fixture(scope="module")
def trees(session_host, stock, tmp_path_factory):
    """Two roots with the same modules: one is the mounted image, the other has depmod's indexes."""
    top = tmp_path_factory.mktemp("indexes")
    kernel = session_host.ok("kernel", "show", "--json", "debian").json
    ours, theirs = (top / name / "lib/modules" / stock.release for name in ("ours", "theirs"))
    ours.mkdir(parents=True)
    theirs.mkdir(parents=True)
    subprocess.run(["mount", "-o", "loop,ro", session_host.state / "kernels" / kernel["id"] / "modules.ext4", ours], check=True)
    try:
        shutil.copytree(ours / "kernel", theirs / "kernel")
        for name in CAME_ALONG:
            shutil.copy(ours / name, theirs / name)
        subprocess.run(["depmod", "-b", top / "theirs", stock.release], check=True)
        yield top, ours, theirs
    finally:
        subprocess.run(["umount", ours], check=True)


def names(theirs):
    return [os.path.basename(line.split(":")[0]).removesuffix(".ko") for line in (theirs / "modules.dep").read_text().splitlines()]


def aliases(theirs):
    """What a device would ask for, one of each four."""
    lines = (theirs / "modules.alias").read_text().splitlines()
    return sorted({line.split()[1].replace("*", "x") for line in lines if line.startswith("alias ")})[::4]


def answers(trees, release, asked):
    top, _, _ = trees

    def ask(root, name):
        done = subprocess.run(["modprobe", "-C", "/dev/null", "-S", release, "-d", top / root, "-a", "-D", name], capture_output=True, text=True)
        return done.returncode, done.stdout.replace(f"/{root}/", "/")

    def both(name):
        return name, ask("ours", name), ask("theirs", name)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(both, asked))


def test_the_tree_is_the_packages(trees, stock):
    _, ours, _ = trees
    want = {str(path.relative_to(stock.modules)).split(".ko")[0] for path in stock.modules.rglob("*.ko*")}
    got = {str(path.relative_to(ours)).removesuffix(".ko") for path in ours.rglob("*.ko")}
    assert len(want) > 500
    assert got == want


@pytest.mark.parametrize("name", TEXTS)
def test_texts(trees, name):
    _, ours, theirs = trees
    assert sorted((ours / name).read_text().splitlines()) == sorted((theirs / name).read_text().splitlines())


@pytest.mark.parametrize("kind", [names, aliases])
def test_modprobe_finds_the_same(trees, stock, kind):
    asked = kind(trees[2])
    results = answers(trees, stock.release, asked)
    assert len(results) > 500 or kind is aliases
    assert [(name, a, b) for name, a, b in results if a != b] == []
    assert [name for name, (status, _), _ in results if status] == []


def test_builtin_ones_are_known(trees, stock):
    builtin = [os.path.basename(line)[:-3] for line in (trees[2] / "modules.builtin").read_text().split()]
    results = answers(trees, stock.release, builtin + ["no-such-module"])
    assert [(name, a, b) for name, a, b in results if a != b] == []
    assert results[-1][1][0] != 0


def test_modprobe_in_a_guest(host, debian):
    out = host.exec(debian, "sh", "-c", "modprobe overlay && modprobe wireguard && cut -d' ' -f1 /proc/modules; findmnt -no FSTYPE,OPTIONS /lib/modules/$(uname -r)")
    lines = out.splitlines()
    assert "overlay" in lines and "wireguard" in lines
    kind, options = lines[-1].split()
    assert kind == "ext4" and "ro" in options.split(",")
