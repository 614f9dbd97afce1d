# SPDX-License-Identifier: GPL-2.0-or-later
"""Both VMM drivers on a KVM that works, in one boot of the host machine. Takes Firecracker from $BANGER_TEST_FIRECRACKER or PATH."""
import json
import sys

import pytest

from machine import TOP, Results, boot, firecracker_reason

sys.path.append(str(TOP / "test/e2e"))
import stock  # noqa: E402


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    busybox = stock.make_tar(tmp_path_factory.mktemp("busybox") / "busybox.tar", stock.with_busybox_init())
    out = boot("cases.sh", tmp_path_factory.mktemp("hostvm"), busybox)
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


def test_the_hosts_device_mapper_takes_an_edited_store(results):
    assert results.output("joined") == "from banger\nfrom the kernel\n"


def test_stop_and_delete(results):
    results.output("stop")
    results.output("delete")


def test_nothing_is_left(results):
    assert results.read("leftovers", "out").strip() == ""
