# SPDX-License-Identifier: GPL-2.0-or-later
"""banger doctor under a real systemd, with KVM and Firecracker: of a bare host, an installed one and a broken one, in one boot of the host machine.
readiness.sh runs the cases, this asserts what they left."""
import json

import pytest

from machine import Results, boot, firecracker_reason

REFUSALS = {
    "no_inodes": "nothing was installed: ",
    "no_vmm": "there is neither Firecracker nor QEMU on this host, so no VM could run",
    "writable_way": "Firecracker '/opt/open/firecracker' can be replaced by others than root: '/opt/open' is of user 0, mode 0777",
    "route": "the subnet 172.16.0.1/24 is in use: there is a route to 172.16.0.64/26",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    if reason := firecracker_reason():
        pytest.skip(reason)
    return Results(boot("readiness.sh", tmp_path_factory.mktemp("readiness"), proof="readiness/end") / "readiness")


def checks(results, case, status=0):
    return by_name(results.output(case, status=status))


def by_name(text):
    return {check["name"]: check for check in json.loads(text)}


def fixed(found):
    return [text for check in found.values() for text in check["fixed"]]


def test_a_bare_host(results):
    for case in ("bare_bob", "bare_root"):
        found = checks(results, case)
        assert not [c for c in found.values() if c["level"] == "FAIL"] and not fixed(found), found
        assert "not installed on this host: sudo banger system install" in found["installation"]["details"][0]
        assert found["control groups"]["details"] == ["version 2"]
        assert any("is 1." in text for text in found["firecracker"]["details"]), found["firecracker"]
    assert "usermod -aG kvm" in " ".join(checks(results, "bare_bob")["kvm"]["details"])
    assert checks(results, "bare_bob")["network"]["level"] == "WARN"
    found = checks(results, "bare_root")
    assert found["kvm"] == {"name": "kvm", "level": "PASS", "details": ["a guest ran on this processor"], "fixed": []}
    assert found["network"]["level"] == "PASS" and found["virtual machine monitor"]["details"][0].startswith("Firecracker 1.")


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_before_anything_is_changed(results, case):
    assert results.output(case) == ""
    assert REFUSALS[case] in results.read(case, "err")


def test_without_resolved(results):
    results.output("no_resolved")
    assert "systemd-resolved does not run" in results.read("no_resolved", "err")
    found = checks(results, "no_resolved_doctor")["names"]
    assert found["level"] == "WARN" and any("docs/dns-routing.md" in text for text in found["details"]), found


def test_installed(results):
    for case in ("doctor", "doctor_root"):
        found = checks(results, case)
        assert not [c for c in found.values() if c["level"] == "FAIL"], found
        for name in ("kvm", "network", "control groups", "files", "installation", "daemon", "guests' networks"):
            assert found[name]["level"] == "PASS", (case, found[name])
    assert "the helper ran a guest on this processor" in checks(results, "doctor")["kvm"]["details"]
    assert not fixed(checks(results, "fix_nothing"))


def test_kvm_without_rights(results):
    results.output("closed_kvm", status=125)
    said = results.read("closed_kvm", "err")
    assert "vmm = firecracker: open '/dev/kvm'" in said, said
    assert json.loads((results.folder / "closed.vms").read_text()) == []
    found = by_name((results.folder / "closed.json").read_text())["kvm"]
    assert found["level"] == "WARN" and found["details"][0].startswith("/dev/kvm is closed to all groups"), found


def test_rules_flushed_by_a_firewall(results):
    results.output("create")
    found = checks(results, "flushed", status=1)["guests' networks"]
    assert found["level"] == "FAIL" and "its rules are gone" in found["details"][0], found
    assert fixed(checks(results, "flushed_fix")) == ["network of 'box': its rules are gone, as after a firewall's 'flush ruleset': made anew"]
    before, after = ((results.folder / f"rules.{when}").read_text() for when in ("before", "after"))
    assert "masquerade" in before and sorted(before.splitlines()) == sorted(after.splitlines())


def test_a_broken_installation_is_put_right(results):
    found = checks(results, "broken", status=1)
    said = " ".join(found["installation"]["details"] + found["files"]["details"])
    wrong = ["bangerd-root.socket' is missing", "'/usr/local/bin/bangerd-root' is no link", "banger.1' is missing", "bangerd.service' is not as it was installed",
             "banger.conf' is of user 0, mode 0666", "'/var/cache/banger' is not a folder of user 1000", "'/var/lib/banger' has mode 0755",
             "bangerd-root.sock' is not a socket of user 1000, mode 0600", "'/run/banger' is of user 1001", "bangerd.service is disabled", "bangerd.service is inactive"]
    for words in wrong:
        assert words in said, (words, said)
    # Its owner mends what is the owner's.
    found = checks(results, "broken_fix_owner", status=1)
    assert fixed(found) == ["set the mode of '/var/lib/banger' from 0755 to 0700"], fixed(found)
    found = checks(results, "broken_fix")
    assert found["installation"]["level"] == found["files"]["level"] == found["daemon"]["level"] == "PASS", found
    done = " ".join(fixed(found))
    for words in ["bangerd-root.socket' is missing: written anew", "made link '/usr/local/bin/bangerd-root'", "banger.1' is missing: written anew",
                  "bangerd.service' is not as it was installed: written anew", "banger.conf' is of user 0, mode 0666, not of root, 0644: written anew",
                  "made '/var/cache/banger' a folder of user 1000", "gave '/run/banger' to user 1000", "enabled bangerd.service, which was disabled",
                  "started the services; VMs went on"]:
        assert words in done, (words, done)
    for case in ("repaired", "repaired_root"):
        found = checks(results, case)
        assert not fixed(found) and found["installation"]["level"] == "PASS", found
    assert results.output("exec") == "box\n"


def test_an_old_binary_in_its_place(results):
    assert "was installed" in results.output("old")
    found = by_name((results.folder / "old.json").read_text())["installation"]
    assert found["level"] == "FAIL" and "was installed" in found["details"][0] and "system install --owner alice" in found["details"][1], found
    found = by_name((results.folder / "old-fixed.json").read_text())["installation"]
    assert any("'/usr/local/bin/banger' is not as it was installed: written anew" in text for text in found["fixed"]), found
    assert checks(results, "old_gone")["installation"]["level"] == "PASS"


def test_all_units_are_gone(results):
    said = " ".join(checks(results, "no_units", status=1)["installation"]["details"])
    assert all(f"{unit}' is missing" in said for unit in ("bangerd.service", "bangerd-root.service", "bangerd-root.socket")), said
    found = checks(results, "no_units_fix")
    assert found["installation"]["level"] == found["daemon"]["level"] == "PASS", found


def test_the_helpers_socket_is_gone(results):
    found = checks(results, "no_socket", status=1)["installation"]
    assert "bangerd-root.sock' is missing" in " ".join(found["details"]), found
    assert checks(results, "no_socket_fix")["installation"]["level"] == "PASS"
    assert results.output("exec_again") == "box\n"


def test_firecracker_that_others_can_replace(results):
    found = checks(results, "open_firecracker", status=1)["installation"]
    assert found["level"] == "FAIL" and "can be replaced by others than root: '/usr/local/bin/firecracker'" in found["details"][0], found


def test_vms_went_on(results):
    before, after = ((results.folder / f"vmm.{when}").read_text().split() for when in ("before", "after"))
    assert before[0].isdigit() and after == before * 2


def test_nothing_is_left(results):
    results.output("uninstall")
    assert (results.folder / "left").read_text() == ""
