# SPDX-License-Identifier: GPL-2.0-or-later
"""Both VMM drivers on a KVM that works, in one boot of the host machine. Takes Firecracker from $BANGER_TEST_FIRECRACKER or PATH."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.append(str(TOP / "test/e2e"))
import stock  # noqa: E402

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


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    cache = pathlib.Path(os.environ.get("BANGER_TEST_CACHE") or pathlib.Path.home() / ".cache/banger-test")
    binary = os.environ.get("BANGER") or TOP / "build/src/banger"
    out = tmp_path_factory.mktemp("hostvm")
    subprocess.run([TOP / "test/e2e/make-stock", cache], check=True)
    busybox = stock.make_tar(tmp_path_factory.mktemp("busybox") / "busybox.tar", stock.with_busybox_init())
    files = [HERE / "cases.sh", cache / "kernel.deb", cache / "rootfs.tar", busybox]
    done = subprocess.run([HERE / "hostvm", "banger", binary, out, *files], env={**os.environ, "BANGER_TEST_CACHE": str(cache)}, capture_output=True)
    console = done.stdout.decode(errors="replace")
    print(console)
    assert done.returncode == 0, done.stderr.decode(errors="replace") + console[-4000:]
    print({f"{ms.parent.name} {ms.stem}": int(ms.read_text()) for ms in sorted(out.glob("*/*.ms"))})
    return out


@pytest.fixture(params=["firecracker", "qemu"])
def results(request, machine):
    if request.param == "firecracker" and (reason := firecracker_reason()):
        pytest.skip(reason)
    results = Results(machine / request.param)
    results.vmm = request.param
    return results


def test_imports(results):
    assert results.output("kernel").strip() == "debian"
    assert results.output("image").strip() == "debian"


def test_doctor_finds_kvm_working(results):
    checks = {check["name"]: check for check in json.loads(results.output("doctor"))}
    assert checks["kvm"]["level"] == "PASS", checks["kvm"]


@pytest.mark.parametrize("case", ["first", "second", "third"])
def test_run(results, case):
    assert results.output(case).strip().endswith("-cloud-amd64")


def test_exit_status(results):
    results.output("status", status=7)


def test_disks_come_in_order(results):
    # base and modules read-only, work disk and store not
    disks = dict(line.split() for line in results.output("disks").splitlines() if line.startswith("vd"))
    assert disks == {"vda": "1", "vdb": "0", "vdc": "1", "vdd": "0"}


def test_private_network(results):
    assert "1 received" in results.output("net")


def test_the_driver_asked_for_runs_it(results):
    assert json.loads(results.output("show"))["vmm"] == results.vmm


def test_bytes_through_exec(results):
    assert results.output("echo").strip() == "same"


def test_flushed_writes_survive_a_killed_vmm(results):
    assert results.output("kill").split()[-2:] == ["kept", "kept"]


def test_the_guests_own_word(results):
    """With busybox's init, which tells nobody: Firecracker does not end at a power-off, its kernel's last line does it."""
    assert results.output("poweroff").split() == ["stopped", "null"]
    assert results.output("reboot").split() == ["running", "another"]


def test_stop_and_delete(results):
    results.output("stop")
    results.output("delete")


def test_nothing_is_left(results):
    assert results.read("leftovers", "out").strip() == ""
