# SPDX-License-Identifier: GPL-2.0-or-later
"""An installed banger under a real systemd, in one boot of the host machine: system.sh runs the cases, this asserts what they left."""
import errno
import json
import re
import signal

import pytest

from machine import TOP, Results, binary, boot, fields, firecracker_reason, limited

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
UID_FIRST = 0x70000000
GROUPS = "/system.slice/banger-vms.service"
FIRECRACKERS = ["fc-writable' can be replaced by others than root", "fc-link' is a symbolic link", "fc-alice' can be replaced by others than root",
                "fc-old' is 1.0.0", "look at Firecracker '/usr/bin/fc-none'"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    if reason := firecracker_reason():
        pytest.skip(reason)
    return Results(boot("system.sh", tmp_path_factory.mktemp("system"), binary().parents[1] / "test/seat", proof="system/tree.after") / "system")


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_before_anything_is_changed(results, case):
    results.output(case)
    assert REFUSALS[case] in results.read(case, "err")


def test_bridge_and_subnet_must_be_what_they_can_be(results):
    results.output("bad_words")
    said = results.read("bad_words", "err")
    assert said.count("cannot be the bridge's name") == 6 and "it is br-fc, or br-fc- and letters" in said, said
    assert len(re.findall("is not an IPv4 address with its network's length|its length must be 8 to 30|that address cannot be a host's", said)) == 7, said


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


def test_one_service_manager(results):
    results.output("without_units", status=1)
    said = results.read("without_units", "err")
    assert "is installed on this host as services of systemd" in said and "without --no-service keeps that" in said


def test_status_and_doctor(results):
    status = json.loads(results.output("status"))
    assert status["owner"] == "alice" and set(status["units"].values()) == {"active"}
    assert not [check for check in json.loads(results.output("doctor")) if check["level"] == "FAIL"]


def test_one_list_of_capabilities(results):
    code = (TOP / "src/sandbox/caps.c").read_text()
    docs = (TOP / "docs/privilege.md").read_text()
    lists = {}
    for name in ("helper", "launcher", "jail"):
        lists[name] = set(re.findall(r'\{ "(\w+)"', re.search(rf"caps_{name}\[\] = \{{(.*?)NULL", code, re.S).group(1)))
        assert lists[name] == set(re.findall(rf"^\| {name} \| `(\w+)`", docs, re.M)), name
    unit = re.search(r"^CapabilityBoundingSet=(.*)$", results.output("units"), re.M).group(1)
    assert set.union(*lists.values()) == {name.lower().removeprefix("cap_") for name in unit.split()}
    for case, names in {"caps": lists["helper"], "launcher_caps": lists["launcher"] | lists["jail"]}.items():
        sets = dict(line.split() for line in results.output(case).splitlines())
        assert sets["CapBnd:"] == sets["CapEff:"] == sets["CapPrm:"]
        assert bin(int(sets["CapEff:"], 16)).count("1") == len(names), case


def held(text, uid, program, libraries=()):
    """Every promise of docs/privilege.md on a jail that /proc can show."""
    holds = fields(text)
    assert holds["Uid"] == [str(uid)] * 4 and holds["Gid"] == ["1000"] * 4 and not holds["Groups"], holds
    assert {holds[name][0] for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd")} == {"0000000000000000"}
    assert holds["NoNewPrivs"] == ["1"] and holds["Seccomp"] == ["2"] and holds["OwnMounts"] == ["yes"]
    assert set(holds["Mounts"]) - set(libraries) == {"/", "/proc", "/run"} | ({program} if program not in libraries else set())
    assert set(holds["Writable"]) == {"/proc", "/run"}
    return holds


def test_limits_outlive_the_services(results):
    limited(fields(results.output("limits")), json.loads(results.read("show", "json")), GROUPS)


def test_an_empty_group_is_removed(results):
    results.output("ended_unseen")


def test_doctor_says_what_holds_vms(results):
    daemon = next(check for check in json.loads(results.output("doctor")) if check["name"] == "daemon")
    assert "what holds VMs in: a jail for each VM; limits of memory, processor time and tasks" in daemon["details"]


def test_a_vmm_is_in_a_jail(results):
    show = json.loads(results.read("show", "json"))
    uid = UID_FIRST + show["cid"]
    holds = held(results.output("holds"), uid, "/firecracker")
    assert set(holds["Run"]) == {"api.sock", "v.sock", "v.sock_42071"} and holds["Program"] == ["/firecracker"]
    limits = limited(holds, show, GROUPS)
    assert show["confined"] == f"root of its own, uid {uid}, no capabilities, system call filter, {limits}"


def test_qemu_and_its_vsock_device_are_in_a_jail(results):
    assert results.output("qemu").strip().endswith("-cloud-amd64")
    show = json.loads(results.read("emulated", "json"))
    assert show["vmm"] == "qemu"
    libraries = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache")
    held(results.read("emulated", "vmm"), UID_FIRST + show["cid"], "/usr", libraries)
    held(results.read("emulated", "vsock"), UID_FIRST + show["cid"], "/run")


def test_a_program_that_others_can_replace_is_not_launched(results):
    assert results.output("open_firecracker", status=125) == ""
    assert "'/usr/local/bin/firecracker' can be replaced by others than root" in results.read("open_firecracker", "err")


# What holds the one in Firecracker's seat. No name leads anywhere (ENOENT), no descriptor up (ENOTDIR) or to more than reading (EACCES), there is no other
# kind of socket (EAFNOSUPPORT), no right (EPERM) or room for processes (EAGAIN), and some tries are its end.
SEAT = {
    "ENOENT": "others_disk owners_file state_folder host_passwords kernel_knob control_groups helpers_socket daemons_socket others_vsock others_root "
              "others_memory others_descriptors",
    "ENOTDIR": "folders_left",
    "EACCES": "write_what_it_reads",
    "EAFNOSUPPORT": "inet inet6 netlink packet vsock",
    "EPERM": "new_tap others_tap signals_vmm signals_owner signals_init pidfd_signals takes_descriptor limits_other becomes_root becomes_vm takes_groups "
             "mounts unmounts changes_root new_mounts new_user others_namespace makes_device leaves_core owners_socket",
    "EROFS": "writes_root",
    "SIGSYS": "traces reads_memory program_for_kernel",
    "EAGAIN": "many_processes",
    "SIGKILL": "much_memory",
    "done": "own_kvm own_hello own_tap own_disk own_socket end",
}
SEAT_ENDS = {name: end for end, names in SEAT.items() for name in names.split()}


def seat_said(text):
    words = dict(re.findall(r"^(\w+): (done|(?:error|signal) \d+)$", text, re.M))
    numbers = {f"error {n}": name for n, name in errno.errorcode.items()} | {f"signal {s.value}": s.name for s in signal.Signals}
    return {name: numbers.get(end, end) for name, end in words.items()}


def test_what_takes_firecrackers_seat_does_not_get_out(results):
    said = seat_said(results.output("seat"))
    assert said == SEAT_ENDS
    assert "the guest ended before it was ready" in results.read("seat", "err")


def test_what_takes_firecrackers_seat_is_ended_by_any_name(results):
    said = results.output("seat")
    assert "left: 0" in said.splitlines(), "what it forked outlives it"
    assert "called: 2" in said.splitlines() and "given up: 0" in said.splitlines(), said


def test_each_try_succeeds_where_nothing_holds_it(results):
    said = seat_said(results.output("seat_outside"))
    assert set(said) == {name for name in SEAT_ENDS if not name.startswith("own")} | {"owners_file"}
    # The kernel asks for the right to a tap before it sees that another has it.
    assert {name: end for name, end in said.items() if end != "done"} == {"others_tap": "EBUSY"}


def test_a_helper_that_ends_in_order_leaves_no_process(results):
    results.output("restarts_empty")
    journal = results.output("journal")
    assert len(re.findall("Stopping bangerd-root.service", journal)) > 10
    in_order = re.sub(r"code=killed, status=9/KILL.*?Started bangerd-root.service", "", journal, flags=re.S)
    assert not re.findall(".*(?:remains running|left-over).*", in_order)


@pytest.mark.parametrize("case", ["restarts", "restart", "kill_helper", "kill_both", "upgrade"])
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
