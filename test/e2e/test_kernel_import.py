# SPDX-License-Identifier: GPL-2.0-or-later
"""kernel import from files that other programs took out of the package: each kernel boots a guest with its modules."""
import hashlib
import subprocess

import pytest


@pytest.fixture
def imported(host):
    """imported(NAME, option...): a kernel that is deleted when the test ends; its record."""
    made = []

    def make(name, *options):
        host.ok("kernel", "import", name, *options)
        made.append(name)
        return host.ok("kernel", "show", "--json", name).json
    yield make
    for name in made:
        host.ok("kernel", "rm", name)


def guest(host, kernel, command, *options):
    return host.ok("vm", "run", "--rm", "--kernel", kernel, "--net", "private", *options, "--", "sh", "-c", command).stdout


@pytest.mark.parametrize("option", ["--vmlinuz", "--vmlinux"])
def test_boots(host, stock, imported, option):
    file = stock.vmlinuz if option == "--vmlinuz" else stock.vmlinux
    shown = imported("from-file", option, file, "--modules", stock.modules)
    assert (shown["release"], shown["has_modules"], shown["has_snapshot"], shown["has_pvh"]) == (stock.release, True, True, True), shown
    assert hashlib.sha256(file.read_bytes()).hexdigest() in shown["digest"]
    debian = host.ok("kernel", "show", "--json", "debian").json
    stored = [(host.state / "kernels" / record["id"] / "vmlinux").read_bytes() for record in (shown, debian)]
    assert stored[0] == stored[1] == stock.vmlinux.read_bytes()
    out = guest(host, "from-file", "uname -r; modprobe overlay && grep -c ^overlay /proc/modules; "
                "awk -v at=/lib/modules/$(uname -r) '$2 == at { print $3 }' /proc/mounts")
    assert out.split() == [stock.release, "1", "ext4"]


def test_modules_are_those_of_the_package(host, stock, imported, tmp_path):
    """From a folder as from the .deb: the same modules and indexes."""
    shown = imported("from-folder", "--vmlinuz", stock.vmlinuz, "--modules", stock.modules)
    debian = host.ok("kernel", "show", "--json", "debian").json
    seen = []
    for record in (shown, debian):
        at = tmp_path / record["name"]
        at.mkdir()
        subprocess.run(["mount", "-o", "loop,ro", host.state / "kernels" / record["id"] / "modules.ext4", at], check=True)
        try:
            seen.append({str(path.relative_to(at)): hashlib.sha256(path.read_bytes()).hexdigest() for path in at.rglob("*") if path.is_file()})
        finally:
            subprocess.run(["umount", at], check=True)
    assert len(seen[0]) > 500 and seen[0] == seen[1]


def test_without_modules(host, stock, imported):
    """A kernel whose drivers are modules is of no use without them, and the guest's console says so."""
    shown = imported("bare", "--vmlinux", stock.vmlinux)
    assert (shown["has_modules"], shown["has_snapshot"]) == (False, False), shown
    host.run("vm", "run", "--rm", "--kernel", "bare", "--net", "none", "--", "true").refused("ended before it was ready; its console ends: ", status=125,
                                                                                           operation=True)


def test_folder_without_modules(host, stock, tmp_path):
    host.run("kernel", "import", "mixed", "--vmlinuz", stock.vmlinuz, "--modules", tmp_path).refused("folder holds no modules|lacks what a guest needs", operation=True)
    host.run("kernel", "import", "mixed", "--vmlinuz", stock.vmlinuz, "--modules", stock.vmlinuz).refused("Not a directory", operation=False)
