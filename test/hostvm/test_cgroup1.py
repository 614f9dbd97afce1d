# SPDX-License-Identifier: GPL-2.0-or-later
"""An installed banger on a host with control groups of version 1, in a boot of its own: VMs run, without limits, and everything that speaks of it says so."""
import json

import pytest

from machine import Results, boot, firecracker_reason

WHY = "no limits: this host has no control groups of version 2"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    if reason := firecracker_reason():
        pytest.skip(reason)
    kernel = "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1"
    return Results(boot("cgroup1.sh", tmp_path_factory.mktemp("cgroup1"), proof="cgroup1/uninstall.status", kernel=kernel) / "cgroup1")


def test_the_host_has_version_1(results):
    assert results.output("groups").split() == ["tmpfs", "cgroupfs"]


def test_install_and_a_vm(results):
    results.output("install")
    results.output("create")


def test_show_status_and_doctor_say_that_there_are_no_limits(results):
    assert WHY in json.loads(results.output("show"))["confined"]
    assert WHY in results.output("status")
    checks = {check["name"]: check for check in json.loads(results.output("doctor"))}
    assert checks["control groups"]["level"] == "WARN"
    assert "this host is on version 1" in " ".join(checks["control groups"]["details"])
    assert checks["daemon"]["level"] == "WARN"
    assert WHY in " ".join(checks["daemon"]["details"])


def test_a_vm_outlives_a_restart(results):
    results.output("restart")


def test_uninstall(results):
    results.output("uninstall")
