# SPDX-License-Identifier: GPL-2.0-or-later
"""NAME.vm through systemd-resolved, as its own tools and the C library see it, in one boot of the host machine."""
import json

import pytest

from machine import boot


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    out = boot("dns.sh", tmp_path_factory.mktemp("dns"))

    def said(case, status=0):
        text = (out / f"{case}.out").read_text()
        if case != "log":
            assert int((out / f"{case}.status").read_text()) == status, f"{case}: {text}{(out / f'{case}.err').read_text()}"
        return text
    print(said("log"))
    return said


def address(said):
    return json.loads(said("show"))["address"]


def names(said, case):
    said_by_doctor = json.loads((said(case)))
    return {check["name"]: check for check in said_by_doctor}["names"]


def test_resolved_is_told(said):
    assert "~vm" in said("told") and "~0.16.172.in-addr.arpa" in said("told")
    status = said("status")
    assert "127.0.0.1:42069" in status and "-DefaultRoute" in status, status


def test_names_resolve(said):
    assert address(said) in said("query") and "box.vm" in said("query_reverse")
    assert said("getent").split() == [address(said), "box.vm"] and said("getent_reverse").split() == [address(said), "box.vm"]
    assert said("dig").strip() == address(said)
    said("nobody", status=2)


def test_doctor_asks(said):
    idle, busy = names(said, "doctor_idle"), names(said, "doctor")
    assert idle["level"] == "PASS" and "first VM" in idle["details"][1], idle
    assert busy["level"] == "PASS" and "asks there" in busy["details"][1], busy


def test_told_again_by_whoever_is_new(said):
    assert "~vm" in said("lost") and said("lost_query").split() == [address(said), "box.vm"]
    assert "~vm" in said("helper_killed")


def test_configuration_and_daemon_come_and_go(said):
    assert "127.0.0.9:5300" in said("off_and_on") and "~vm" in said("again")
    said("daemon_stop")
    said("stopped")
    assert "~vm" in said("started")


def test_nothing_stays(said):
    assert "~vm" not in said("end")
    assert said("before") == said("after")
