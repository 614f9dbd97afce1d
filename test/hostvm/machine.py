# SPDX-License-Identifier: GPL-2.0-or-later
"""One boot of the host machine: a script of this folder runs its cases in it, tests assert what these left."""
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
SKIP = 77


def firecracker_reason():
    said = subprocess.run([HERE / "hostvm", "firecracker"], capture_output=True, text=True)
    return said.stderr.strip() if said.returncode == SKIP else None


class Results:
    def __init__(self, folder):
        self.folder = folder

    def read(self, case, what):
        path = self.folder / f"{case}.{what}"
        assert path.exists(), f"case '{case}' did not run"
        return path.read_text()

    def output(self, case, status=0):
        assert int(self.read(case, "status")) == status, f"{case}: {self.read(case, 'err')}{self.read(case, 'out')}"
        return self.read(case, "out")


def fields(text):
    """What host.sh's limits and others print: "NAME: WORD WORD...", a line each."""
    return {name: value.split() for name, value in (line.split(":", 1) for line in text.splitlines())}


def limited(holds, show, groups):
    """In a group of its own below groups: the guest's memory and what the VMM is given beside it; its processors and one for its devices."""
    assert holds["Group"] == [f"{groups}/{show['id']}"]
    memory = show["memory_mib"] + (512 if show["vmm"] == "firecracker" else 1536)
    assert int(holds["memory.max"][0]) == memory << 20
    assert holds["cpu.max"] == [str((show["vcpus"] + 1) * 100000), "100000"]
    assert int(holds["pids.max"][0]) == show["vcpus"] + 128
    return f"at most {memory} MiB, {show['vcpus'] + 1} processors, {show['vcpus'] + 128} tasks"


def binary():
    return pathlib.Path(os.environ.get("BANGER") or TOP / "build/src/banger")


def boot(script, out, *files, proof=None, kernel=""):
    """Runs script in the machine, beside a kernel, a root file system and files; what it left is in the folder out then. proof is a file that it leaves when it
    has come to its end; without one its exit status counts. kernel: words for its
    kernel."""
    cache = pathlib.Path(os.environ.get("BANGER_TEST_CACHE") or pathlib.Path.home() / ".cache/banger-test")
    subprocess.run([TOP / "test/e2e/make-stock", cache], check=True)
    payload = [HERE / script, HERE / "case.sh", HERE / "host.sh", cache / "kernel.deb", cache / "rootfs.tar", *files]
    done = subprocess.run([HERE / "hostvm", "banger", binary(), out, *payload], env={**os.environ, "BANGER_TEST_CACHE": str(cache), "HOSTVM_APPEND": kernel, "HOSTVM_S": os.environ.get("HOSTVM_S", "900")}, capture_output=True)
    console = done.stdout.decode(errors="replace")
    print(console)
    ended = (out / proof).exists() if proof else done.returncode == 0
    assert ended, done.stderr.decode(errors="replace") + console[-4000:]
    return out
