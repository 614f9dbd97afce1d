# SPDX-License-Identifier: GPL-2.0-or-later
"""An installed banger's owner, who has no rights: OpenSSH's, rsync's and git's clients over the network and over Firecracker's vsock, and the owner's
files in new VMs. owner.sh runs the cases in one boot of the host machine, this asserts what they left."""
import re

import pytest

from machine import Results, boot, firecracker_reason


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    if reason := firecracker_reason():
        pytest.skip(reason)
    return Results(boot("owner.sh", tmp_path_factory.mktemp("owner"), proof="owner/doctor.status") / "owner")


@pytest.fixture(params=["network", "vsock"])
def way(request, results):
    results.output(f"create_{request.param}")
    return request.param


def test_the_way(results, way):
    assert results.output(f"way_{way}").split() == [{"network": "172.16.0.1", "vsock": "127.0.0.1"}[way], "root"]
    assert results.output(f"interfaces_{way}").split() == {"network": ["eth0", "lo"], "vsock": ["lo"]}[way]


def test_scp(results, way):
    assert results.output(f"scp_{way}") == "same\n"


def test_rsync(results, way):
    assert results.output(f"rsync_{way}") == "same\n"


def test_git_push_with_the_owners_name(results, way):
    lines = results.output(f"git_{way}").splitlines()
    assert set(lines) == {"Alice A <alice@example.org> host", "Alice A <alice@example.org> guest"}


def test_files_of_the_owner(results, way):
    assert results.output(f"synced_{way}").splitlines() == [".aws 750 root", ".aws/config 640 root", "bin/tool 755 root", "[default]", "tool runs", "config"]
    assert "1 symlinks or special files below '~/.aws' are not copied" in results.read(f"create_{way}", "err")
    assert "file_sync = ~/.aws, ~/bin/tool (0755) (config)" in results.output("doctor")


def test_a_file_for_the_host(results):
    said = results.output("host_config").splitlines()
    assert {'["vm_defaults.vcpu","1","config"]', '["vm_defaults.memory_mib","640","host"]', '["default_image_name","other","host"]', "[1,640]"} <= set(said)
    assert "vm_defaults.memory_mib = 640 (host)" in results.output("doctor")


def test_key_and_pins_are_the_owners(results):
    assert results.output("keys") == ""


def test_a_helper_that_hangs_holds_nobody_up(results):
    said = results.output("helper_hangs")
    print(said)
    assert "hanging" in said and "back" in said
    assert int(re.search(r"worst (\d+) ms", said)[1]) < 2500
