# SPDX-License-Identifier: GPL-2.0-or-later
"""The real daemon as seen by a client not written here, the Python varlink library: introspection, lists, errors, and long operations followed
to their end."""
import importlib
import re
import sys

import pytest

@pytest.fixture(scope="module")
def varlink(stock):
    if not stock.varlink_library:
        pytest.skip("the varlink library cannot be installed")
    sys.path.append(str(stock.varlink_library))
    try:
        yield importlib.import_module("varlink")
    finally:
        sys.path.remove(str(stock.varlink_library))


@pytest.fixture
def client(varlink, host):
    with varlink.Client(f"unix:{host.socket}") as client:
        yield client


@pytest.fixture
def banger(client):
    with client.open("io.banger") as banger:
        yield banger


def follow(replies):
    """(stages, last reply): all but the last say `progress`, and the last says none."""
    seen = list(replies)
    assert all(reply.get("progress") for reply in seen[:-1]) and not seen[-1].get("progress"), seen
    progress = [reply["progress"] for reply in seen[:-1]]
    assert len({p["operation"] for p in progress}) == 1 and re.fullmatch("op-[0-9a-f]{6}", progress[0]["operation"]), progress
    return [p["stage"] for p in progress], seen[-1]


def test_introspection(varlink, client, host):
    assert {"io.banger", "org.varlink.service"} <= set(client.get_interfaces())
    with client.open("org.varlink.service") as service:
        info = service.GetInfo()
        assert info["product"] == "banger" and info["version"] == host.ok("version", "--json").json["version"], info
        assert set(info["interfaces"]) == set(client.get_interfaces())
        text = service.GetInterfaceDescription("io.banger")["description"]
    described = varlink.Interface(text)
    assert described.name == "io.banger"
    assert {"VmList", "VmCreate", "VmStart", "ImageImport", "NotFound"} <= set(described.members)


def test_unknown_interface(varlink, client):
    with client.open("org.varlink.service") as service, pytest.raises(varlink.VarlinkError) as seen:
        service.GetInterfaceDescription("org.example.Nothing")
    assert seen.value.error() in ("org.varlink.service.InterfaceNotFound", "org.varlink.service.InvalidParameter"), seen.value


def test_lists(banger, host, vm):
    listed = {entry["name"]: entry for entry in banger.VmList()["vms"]}
    assert (listed[vm]["state"], listed[vm]["ready"], listed[vm]["image"]) == ("running", True, "light")
    assert listed[vm] == host.show(vm) == banger.VmShow(vm)["vm"]
    assert [image["name"] for image in banger.ImageList()["images"]] == [image["name"] for image in host.ok("image", "list", "--json").json]


def test_not_found(varlink, banger):
    for call in (lambda: banger.VmShow("nobody"), lambda: banger.VmStart("nobody"), lambda: list(banger.VmStart("nobody", _more=True))):
        with pytest.raises(varlink.VarlinkError) as seen:
            call()
        assert seen.value.error() == "io.banger.NotFound"
        assert seen.value.parameters()["message"] == "no VM named 'nobody'" and "banger" in seen.value.parameters()["hint"], seen.value


def test_error_of_an_operation(varlink, banger, host):
    """A guest without the memory for its initrd: the operation had begun, so its id is there, the same one as in the progress."""
    stages = []
    with pytest.raises(varlink.VarlinkError) as seen:
        for reply in banger.VmCreate(name="dies", memory_mib=64, net="none", ephemeral=True, _more=True):
            stages.append(reply["progress"])
    error = seen.value.parameters()
    assert seen.value.error() == "io.banger.State" and "Kernel panic" in error["message"] and "--memory" in error["hint"], error
    assert stages and {stage["operation"] for stage in stages} == {error["operation"]}
    host.wait_vm("dies", lambda record: record is None)


def test_create_start_stop_delete(varlink, banger, host):
    stages, made = follow(banger.VmCreate(name="followed", net="private", start=False, _more=True))
    assert stages and (made["vm"]["name"], made["vm"]["state"]) == ("followed", "created")
    stages, started = follow(banger.VmStart("followed", _more=True))
    assert [stage.split(":")[0] for stage in stages] == ["starting the VMM", "booting"]
    assert (started["vm"]["state"], started["vm"]["ready"]) == ("running", True)
    assert host.exec("followed", "hostname") == "followed\n"
    with pytest.raises(varlink.VarlinkError) as seen:
        banger.VmStart("followed")
    assert seen.value.error() == "io.banger.State", seen.value
    assert banger.VmStop("followed", 60000)["vm"]["state"] == "stopped"       # without `more`: one reply, the result
    follow(banger.VmDelete("followed", _more=True))
    assert "followed" not in [entry["name"] for entry in banger.VmList()["vms"]]


def test_create_with_start(banger, host):
    stages, made = follow(banger.VmCreate(net="none", _more=True))
    try:
        assert "booting" in stages and (made["vm"]["state"], made["vm"]["ready"]) == ("running", True)
    finally:
        banger.VmDelete(made["vm"]["id"], True)
