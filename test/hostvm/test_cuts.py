# SPDX-License-Identifier: GPL-2.0-or-later
"""The power of a host goes in the middle of operations: QEMU is killed, and the same disk boots again. What the guest kernel had not written is lost, what it
had written stays, in order. BANGER_CUTS and BANGER_CUTS_SEED choose how many cuts, and which."""
import os
import pathlib
import random
import re
import shutil
import subprocess
import tarfile
import threading

import pytest

from machine import TOP, firecracker_reason

HERE = pathlib.Path(__file__).resolve().parent
# How many milliseconds each may take here: a cut falls anywhere in them, or a little after the end.
OPERATIONS = {"create": 9000, "start": 8000, "stop": 3500, "delete": 1500, "import": 7000, "edit": 2500, "resize": 2000}
CUTS = int(os.environ.get("BANGER_CUTS", "200" if os.environ.get("BANGER_SOAK") else "10"))
SEED = int(os.environ.get("BANGER_CUTS_SEED", random.randrange(1 << 31)))
BOOT_S = 480


class Promises:
    """What the operations that ended before a cut have promised, and what one that was cut may have done."""

    def __init__(self):
        self.keeper, self.edited, self.disk, self.once = "running", "0", "64", []

    def words(self):
        return [self.keeper, f"edited={self.edited}", f"disk={self.disk}", *self.once]

    def verified(self, line):
        """The next cut's choice begins with what the keeper has now."""
        found = re.search(r"edit (\d+), (\d+) MiB", line)
        self.edited, self.disk = found[1], found[2]

    def operated(self, operation, number, ended):
        self.keeper = "either" if operation in ("stop", "edit", "resize") else "running"
        promised = {"create": f"vm=new-{number}", "delete": "no-vm=doomed", "import": f"image=other-{number}"}
        self.once = ["vm=begin"] if operation == "start" else [promised[operation]] if ended and operation in promised else []
        if operation == "edit":
            self.edited = f"{number}" if ended else f"{self.edited}-{number}"
        if operation == "resize":
            self.disk = f"{number}" if ended else f"{self.disk}-{number}"


def payload(path, command, files):
    script = path.with_suffix(".command")
    script.write_text(command + "\n")
    with tarfile.open(path, "w") as tar:
        for file in files:
            tar.add(os.path.realpath(file), arcname=pathlib.Path(file).name)
        tar.add(script, arcname=".hostvm-command")
    return path


class Machine:
    def __init__(self, folder):
        self.folder = folder
        self.made = pathlib.Path(subprocess.run([HERE / "hostvm", "build"], check=True, capture_output=True, text=True).stdout.strip())
        self.disk = folder / "host.ext4"
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.made / "host.ext4", self.disk], check=True)
        with open(folder / "out.tar", "wb") as out:
            out.truncate(1 << 26)

    def boot_and_cut(self, command, files, after_ms):
        """Boots, lets command run, kills the machine after_ms after it has said that it is ARMED. Returns what it said."""
        tar = payload(self.folder / "payload.tar", command, files)
        drive = "if=virtio,format=raw,cache=unsafe,file="
        qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-M", "q35", "-cpu", "max,-erms,-fsrm", "-smp", "1", "-m",
             os.environ.get("HOSTVM_MEM", "3072"), "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel",
             self.made / "vmlinuz", "-initrd", self.made / "initrd.cpio", "-drive", f"{drive}{self.disk}", "-drive", f"{drive}{tar},readonly=on",
             "-drive", f"{drive}{self.folder / 'out.tar'}", "-append", "console=ttyS0 quiet panic=-1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
        end = threading.Timer(BOOT_S, qemu.kill)
        end.start()
        said = []
        try:
            for line in qemu.stdout:
                said.append(line.rstrip()[max(line.find("CUT "), 0):])
                if "CUT ARMED" in line:
                    cut = threading.Timer(after_ms / 1000, qemu.kill)
                    cut.start()
        finally:
            qemu.kill()
            qemu.wait()
            end.cancel()
        return said


def test_no_cut_loses_a_vm_or_leaves_a_trace(tmp_path):
    if reason := firecracker_reason():
        pytest.skip(reason)
    cache = pathlib.Path(os.environ.get("BANGER_TEST_CACHE") or pathlib.Path.home() / ".cache/banger-test")
    subprocess.run([TOP / "test/e2e/make-stock", cache], check=True)
    firecracker = subprocess.run([HERE / "hostvm", "firecracker"], check=True, capture_output=True, text=True).stdout.strip()
    binary = tmp_path / "banger"
    shutil.copy(os.environ.get("BANGER") or TOP / "build/src/banger", binary)
    dice = random.Random(SEED)
    print(f"seed {SEED}, {CUTS} cuts")
    machine = Machine(tmp_path)
    said = machine.boot_and_cut("bash ./cuts.sh install", [HERE / "cuts.sh", binary, firecracker, cache / "kernel.deb", cache / "rootfs.tar"], 0)
    assert "CUT ARMED install" in said, said
    promises = Promises()
    for n in range(1, CUTS + 2):
        operation = list(OPERATIONS)[(n - 1) % len(OPERATIONS)]
        number, after = 64 + n if operation == "resize" else n, dice.randrange(OPERATIONS[operation])
        said = machine.boot_and_cut(f"bash ./cuts.sh round {operation} {number} {' '.join(promises.words())}", [HERE / "cuts.sh"], after)
        assert f"CUT ARMED {operation}" in said, (n, operation, promises.words(), said)
        verified = next(line for line in said if line.startswith("CUT VERIFIED"))
        ended = next((line for line in said if line.startswith("CUT ENDED")), None)
        assert ended in (None, f"CUT ENDED {operation} 0"), said
        print(f"{n}: {verified}; then {operation} cut after {after} ms{', which had ended' if ended else ''}", flush=True)
        promises.verified(verified)
        promises.operated(operation, number, ended)
