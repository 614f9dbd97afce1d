# SPDX-License-Identifier: GPL-2.0-or-later
"""An installed banger under a real systemd, in one boot of the host machine: system.sh runs the cases, this asserts what they left."""
import json
import re

import pytest

from machine import TOP, Results, boot, firecracker_reason

# What a later step is for, so that a refusal is not for another reason than the one that was planted.
REFUSALS = {
    "wrong_owner": "there is no user 'nobody-of-that-name'",
    "root_owner": "a user without rights, not 'root'",
    "bridge": "a device 'br-fc' is there already, and it is not banger's",
    "subnet": "172.16.0.1/24 is in use by device 'lan0'",
    "read_only": "'/usr/local/bin' is on a file system that is mounted read-only",
    "full": "'/usr/local/bin' has",
    "late": "nothing was installed: systemctl enable bangerd-root.socket: planted",
}
FIRECRACKERS = ["fc-writable' can be replaced by others than root", "fc-link' is a symbolic link", "fc-alice' can be replaced by others than root",
                "fc-old' is 1.0.0", "look at Firecracker '/usr/bin/fc-none'"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    if reason := firecracker_reason():
        pytest.skip(reason)
    return Results(boot("system.sh", tmp_path_factory.mktemp("system"), proof="system/tree.after") / "system")


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_before_anything_is_changed(results, case):
    results.output(case)
    assert REFUSALS[case] in results.read(case, "err")


def test_firecracker_must_be_roots_and_new_enough(results):
    results.output("firecrackers")
    for words in FIRECRACKERS:
        assert words in results.read("firecrackers", "err")


def test_installing_needs_root(results):
    results.output("not_root", status=1)
    assert "so it needs root" in results.read("not_root", "err")


def test_from_install_to_the_first_run_in_a_minute(results):
    assert results.output("run").strip().endswith("-cloud-amd64")
    ms = {case: int(results.read(case, "ms")) for case in ("install", "kernel", "image", "run")}
    print(ms, sum(ms.values()))
    assert sum(ms.values()) < 60000


def test_install_again_repairs(results):
    results.output("install")
    results.output("again")


def test_one_owner(results):
    results.output("for_bob", status=1)
    assert "is installed on this host for 'alice'" in results.read("for_bob", "err")
    results.output("stranger", status=1)
    assert "is of user 'alice'" in results.read("stranger", "err")


def test_status_and_doctor(results):
    status = json.loads(results.output("status"))
    assert status["owner"] == "alice" and set(status["units"].values()) == {"active"}
    assert not [check for check in json.loads(results.output("doctor")) if check["level"] == "FAIL"]


def test_one_list_of_capabilities(results):
    code = re.search(r"caps_helper\[\] = \{(.*?)NULL", (TOP / "src/sandbox/caps.c").read_text(), re.S).group(1)
    in_code = set(re.findall(r'\{ "(\w+)"', code))
    in_docs = set(re.findall(r"^\| helper \| `(\w+)`", (TOP / "docs/privilege.md").read_text(), re.M))
    unit = re.search(r"^CapabilityBoundingSet=(.*)$", results.output("units"), re.M).group(1)
    assert in_code == in_docs == {name.lower().removeprefix("cap_") for name in unit.split()}
    sets = dict(line.split() for line in results.output("caps").splitlines())
    assert sets["CapBnd:"] == sets["CapEff:"] != "0000000000000000"


def test_a_vmm_is_the_owners_and_has_no_capability(results):
    rights = dict(line.split(":", 1) for line in results.output("rights").splitlines() if not line.startswith("0::"))
    assert set(rights["Uid"].split()) == {"1000"}
    assert {rights[name].strip() for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {"0000000000000000"}
    assert rights["NoNewPrivs"].strip() == "1" and rights["Seccomp"].strip() == "2"


@pytest.mark.parametrize("case", ["restart", "kill_helper", "kill_both", "upgrade"])
def test_a_vm_outlives(results, case):
    said = results.output(case)
    assert "exec after" in said
    print(case, said.strip().splitlines()[-1])


def test_another_binary_than_the_installed_one_does_not_start(results):
    assert "was installed" in results.output("downgrade")


def test_the_helper_refuses(results):
    results.output("helper_bob", status=1)
    for case, words in {"helper_unknown": "bridge", "helper_id": "is no VM id", "helper_signal": "is not allowed", "helper_pid": "is not of VM"}.items():
        answer = json.loads(results.output(case))
        assert "error" in answer and words in json.dumps(answer), (case, answer)


def test_each_act_of_the_helper_leaves_a_line(results):
    journal = results.output("journal")
    assert re.search(r"call done op=op-[0-9a-f]{6} method=VmmLaunch ms=\d+", journal), journal[-3000:]
    assert re.search(r"call failed.*method=VmmKill", journal)


def test_uninstall_leaves_nothing(results):
    results.output("refuses_to_go", status=1)
    assert "VMs run: box" in results.read("refuses_to_go", "err")
    results.output("uninstall")
    assert (results.folder / "tree.before").read_text() == (results.folder / "tree.after").read_text()
