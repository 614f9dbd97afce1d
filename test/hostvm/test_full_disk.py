# SPDX-License-Identifier: GPL-2.0-or-later
"""An installed banger's host disk fills up, a quota is used up, and the disk fails, under a jailed Firecracker, which would make an error of it in the
guest. full_disk.sh runs the cases in one boot of the host machine, this asserts what they left."""
import hashlib
import json
import re

import pytest

from machine import Results, boot, firecracker_reason


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    if reason := firecracker_reason():
        pytest.skip(reason)
    return Results(boot("full_disk.sh", tmp_path_factory.mktemp("full_disk"), proof="full_disk/journal.out") / "full_disk")


def test_paused_before_the_disk_is_full(results):
    results.output("small")
    results.output("create")
    assert int(results.output("paused")) > 1 << 20
    seen = json.loads(results.output("show"))
    assert seen["state"] == "paused" and seen["vmm"] == "firecracker" and "are kept free" in seen["reason"], seen
    assert "paused" in results.read("refused", "err") and results.read("refused", "status").strip() == "125"
    assert "VM is paused" in results.read("journal", "out")


def test_nothing_is_lost(results):
    results.output("running")
    results.output("writing")
    assert results.output("digest").split()[0] == hashlib.sha256(b"0123456789abcde\n" * (67108864 // 16)).hexdigest()
    assert results.output("delete") == "writer\n"


BIG = hashlib.sha256(b"0123456789abcde\n" * (50331648 // 16)).hexdigest()


def test_quota_refuses_in_a_sentence(results):
    """What finds no room is told so by name, and leaves nothing; a VM that could not run on is not started."""
    for case, says in (("quota_import", "quota exceeded"), ("quota_create", "quota exceeded"), ("quota_start", r"create 'late': too little space: group \d+'s quota on ")):
        assert results.read(case, "status").strip() == "1", case
        assert re.search(says, results.read(case, "err").lower()) and "hint: " in results.read(case, "err"), results.read(case, "err")
    for case in ("quota_left", "quota_left_too"):
        left = results.output(case)
        assert "debian-bookworm" in left
        assert not re.search(r"^(second|fat|late) |^/", left, re.M), left


def test_paused_before_the_quota_is_used_up(results):
    results.output("quota_vm")
    results.output("quota_paused")
    assert re.search(r"group \d+'s quota on .* are kept free", json.loads(results.output("quota_show"))["reason"])
    refused = results.read("quota_refused", "err")
    assert "start 'writer': it is paused" in refused and "it goes on by itself; or banger vm kill writer" in refused
    results.output("quota_running")
    results.output("quota_writing")
    assert results.output("quota_digest").split()[0] == BIG


def test_a_store_that_could_not_be_written(results):
    """The device fails under a running guest: the VM says so, the next start checks the store, and what was flushed before is there."""
    results.output("flushed")
    assert "error" in results.output("break")
    assert "running: a write to its root has failed" in results.output("reason")
    results.output("repair")
    assert "its store was checked and is used again" in results.read("restart", "err")
    results.output("restart")
    assert results.output("kept").split()[:2] == ["kept", BIG]
    assert not json.loads(results.output("after")).get("reason")
    results.output("gone")
