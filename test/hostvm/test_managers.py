# SPDX-License-Identifier: GPL-2.0-or-later
"""banger without systemd's units, under OpenRC and runit as docs/system.md shows it, in one boot of the host machine: managers.sh runs the cases, this asserts
what they left."""
import json
import re

import pytest

from machine import TOP, Results, boot, fields, firecracker_reason, limited

MANAGERS = ["runit", "openrc"]
EXAMPLES = {"init.d/bangerd-root", "init.d/bangerd", "sv/bangerd-root/run", "sv/bangerd/run"}
START = "hint: start it by this host's service manager: bangerd --system, as the owner; docs/system.md shows how"


def examples():
    """The files that docs/system.md shows: a path in /etc at the beginning of a line that ends in a colon, and the text below it."""
    text = (TOP / "docs/system.md").read_text()
    found = re.findall(r"^(?:\w+, )?`/etc/((?:init\.d|sv)/[\w/-]+)`.*:\n\n((?:    .*\n)+)", text, re.M)
    return {path: re.sub("^    ", "", body, flags=re.M) for path, body in found}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    if reason := firecracker_reason():
        pytest.skip(reason)
    etc = tmp_path_factory.mktemp("examples") / "etc"
    shown = examples()
    assert set(shown) == EXAMPLES
    for path, text in shown.items():
        (etc / path).parent.mkdir(parents=True, exist_ok=True)
        (etc / path).write_text(text)
    return Results(boot("managers.sh", tmp_path_factory.mktemp("managers"), etc, proof="managers/tree.after") / "managers")


def details(results, case, name, status=0):
    check = next(check for check in json.loads(results.output(case, status=status)) if check["name"] == name)
    return check["level"], "\n".join(check["details"])


def test_without_systemd_install_says_what_to_do(results):
    results.output("no_systemd", status=1)
    said = results.read("no_systemd", "err")
    assert "this host does not run systemd" in said and "--no-service installs all but the units; docs/system.md" in said


def test_installed_without_units(results):
    said = results.output("install")
    assert "as root: bangerd-root --system, then as 'alice': bangerd --system; docs/system.md" in said
    assert "banger" not in results.output("units")


def test_one_service_manager(results):
    results.output("with_units", status=1)
    said = results.read("with_units", "err")
    assert "is installed on this host with --no-service" in said and "with --no-service keeps that" in said


def test_a_daemon_that_does_not_run_is_the_service_managers_to_start(results):
    results.output("down_list", status=1)
    assert START in results.read("down_list", "err")
    level, said = details(results, "down_doctor", "daemon", status=1)
    assert level == "FAIL" and START.removeprefix("hint: ") in said
    status = results.output("down_status", status=1)
    assert re.search(r"^bangerd-root: +down$", status, re.M) and re.search(r"^bangerd: +down$", status, re.M)


def test_restart_is_the_service_managers(results):
    results.output("restart", status=1)
    said = results.read("restart", "err")
    assert "installed with --no-service, so this host's service manager restarts it" in said and "restart bangerd-root, then bangerd" in said


def test_the_programs_say_who_is_to_start_them(results):
    for case, words in {"helper_by_alice": "must be started as root", "daemon_by_bob": "must be started as 'alice'"}.items():
        results.output(case, status=1)
        assert words in results.read(case, "err") and "it is for this host's service manager to start" in results.read(case, "err")
    results.output("daemon_first", status=1)
    assert "has to run bangerd-root --system first" in results.read("daemon_first", "err")


def test_no_hint_names_systemd(results):
    for path in results.folder.iterdir():
        if path.suffix in (".out", ".err") and path.stem != "units":
            assert not re.search("systemctl|journalctl|banger system restart starts", path.read_text()), path.name


def test_services_up(results):
    results.output("runit_begin")
    for manager in MANAGERS:
        status = json.loads(results.output(f"{manager}_status"))
        assert status["programs"] == {"bangerd-root": "running", "bangerd": "running"} and "units" not in status
        checks = json.loads(results.output(f"{manager}_doctor"))
        assert not [check for check in checks if check["level"] == "FAIL"]
        assert next(check for check in checks if check["name"] == "installation")["level"] == "PASS"
        groups = fields(results.output(f"{manager}_groups"))
        assert groups["Kvm"][0] in groups["Groups"]
    assert "kept by this host's service manager" in results.output("log")
    for program in ("bangerd-root", "bangerd"):
        assert re.search(rf"\b{program}\[\d+\]", results.output("openrc_log")), program


@pytest.mark.parametrize("manager", MANAGERS)
def test_a_vm_runs(results, manager):
    results.output("stock")
    assert results.output(f"{manager}_run").strip().endswith("-cloud-amd64")


@pytest.mark.parametrize("manager", MANAGERS)
def test_a_vm_is_limited(results, manager):
    results.output("create")
    show = json.loads(results.output("show"))
    assert show["vmm"] == "firecracker"
    assert limited(fields(results.output(f"{manager}_limits")), show, "/banger") in show["confined"]


OUTLIVED = ["kill_helper", "kill_daemon", "restart_helper", "restart_daemon", "stop"]


@pytest.mark.parametrize("case", [f"{manager}_{what}" for manager in MANAGERS for what in OUTLIVED] + ["to_openrc", "upgrade"])
def test_a_vm_outlives(results, case):
    said = results.output(case)
    assert "exec after" in said
    print(case, results.read(case, "ms").strip(), "ms;", said.strip().splitlines()[-1])


def test_another_build_is_the_service_managers_to_start(results):
    assert "another build than this command: restart bangerd-root and bangerd by this host's service manager" in results.read("upgrade", "err")
    status = json.loads(results.output("upgraded"))
    assert status["build"] != json.loads(results.output("openrc_status"))["build"]


def test_doctor_names_the_service_manager(results):
    level, said = details(results, "hangs", "daemon", status=1)
    assert level == "FAIL" and "restart bangerd by this host's service manager; VMs go on" in said
    level, said = details(results, "without_helper", "guests' networks")
    assert level == "WARN" and "restart bangerd-root by this host's service manager, which has its log; VMs go on" in said


def test_uninstall_leaves_nothing(results):
    results.output("refuses_to_go", status=1)
    assert "VMs run: box" in results.read("refuses_to_go", "err")
    assert "are yet to be stopped" in results.output("uninstall")
    results.output("openrc_end")
    assert (results.folder / "tree.before").read_text() == (results.folder / "tree.after").read_text()
