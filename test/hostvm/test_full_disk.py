# SPDX-License-Identifier: GPL-2.0-or-later
"""An installed banger's host disk fills up under a jailed Firecracker, which would make an error of it in the guest. full_disk.sh runs the cases in one
boot of the host machine, this asserts what they left."""
import hashlib
import json

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
    assert results.output("digest").split()[0] == hashlib.sha256(b"0123456789abcde\n" * (209715200 // 16)).hexdigest()
    assert results.output("delete") == "writer\n"
