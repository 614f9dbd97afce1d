# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line tool without a guest: mistakes, help, completion in real shells, doctor, and how it finds, starts and replaces the daemon."""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tomllib

import pytest

import conftest
from host import other_build
from waits import pid_gone


@pytest.fixture
def empty(binary):
    """A banger with nothing in it; the daemon has not been started."""
    host = conftest.open_host(binary)
    yield host
    conftest.close_host(host)


def daemon_pid(host):
    return host.ok("daemon", "status", "--json").json["pid"]


# mistakes

@pytest.mark.parametrize("line, says, status", [
    ("vn list", "unknown command 'vn'", 1),
    ("vm lst", "unknown command 'vm lst'", 1),
    ("vm run --memroy 4G", "unknown option '--memroy'", 1),
    ("vm run --vcpu 0", "--vcpu 0 is not between 1 and 32", 1),
    ("vm run --vcpu two -- true", "'two' is not a whole number", 125),
    ("vm run --memory lots -- true", "'lots' is not a size", 125),
    ("vm run --memory 1M", "not between 64M and 1T", 1),
    ("vm run --net lan", "none of none, private, nat", 1),
    ("vm run --net none --nat", "contradict", 1),
    ("vm run true", "unexpected argument 'true'", 1),
    ("vm run -d --rm", "--detach leaves the VM running", 1),
    ("vm run -d -- true", "--detach takes no command", 125),
    ("vm exec", "VM is missing", 125),
    ("vm start", "VM is missing", 1),
    ("vm set otter", "nothing to change", 1),
    ("vm read otter", "FILE is missing", 1),
    ("image import x", "--tar FILE or --ext4 FILE is missing", 1),
    ("image import x --tar a --ext4 b", "exclude each other", 1),
    ("image import x --tar /nowhere/x.tar", "/nowhere/x.tar': No such file", 1),
    ("kernel import x --vmlinuz a --deb b", "exclude each other", 1),
    ("kernel import x --deb /nowhere/x.deb", "No such file", 1),
    ("completion csh", "none of bash, zsh, fish", 1),
])
def test_mistakes_start_no_daemon(empty, line, says, status):
    empty.run(*line.split()).refused(re.escape(says), status=status, operation=False)
    assert not empty.socket.exists()


@pytest.mark.parametrize("line, status", [
    ("vm show nobody", 1), ("vm start nobody", 1), ("vm stop nobody", 1), ("vm kill nobody", 1), ("vm restart nobody", 1), ("vm delete nobody", 1),
    ("vm set nobody --vcpu 2", 1), ("vm logs nobody", 1), ("vm read nobody /etc/fstab", 1), ("vm write nobody /etc/fstab", 1),
    ("vm ping nobody", 1), ("vm health nobody", 1), ("vm exec nobody -- true", 125),
])
def test_unknown_vm(empty, line, status):
    empty.run(*line.split()).refused("no VM named 'nobody'", status=status)


@pytest.mark.parametrize("name, says", [
    ("Otter", "'O' at position 1"), ("calm_otter", "'_' at position 5"), ("-x", None), ("x-", "'-' at position 2"), ("a" * 64, "64 characters"),
    ("ö", "byte 0xc3 at position 1"), ("a b", "position 2"), ("../x", "'.' at position 1"),
])
def test_bad_names(empty, name, says):
    result = empty.run("vm", "create", f"--name={name}")
    result.refused(says or "'-' at position 1")
    assert empty.vms() == {}


@pytest.mark.parametrize("text, says", [
    ("vmm = 3", "config.toml:1:1: 'vmm' must be a string"),
    ("\nvm = 'x'", "config.toml:2:1: unknown key 'vm'"),
    ("[vm_defaults]\nvcpu = 'two'", "config.toml:2:1: 'vcpu' must be an integer"),
    ("bridge_name = 'eth0'", "'bridge_name' must be \"br-fc\""),
    ("log_level =", "config.toml:1:12"),
])
def test_bad_configuration(empty, text, says):
    empty.configure(text)
    empty.run("vm", "list").refused(re.escape(says))
    empty.run("vm", "run", "--", "true").refused(re.escape(says), status=125)
    doctor = empty.run("doctor", "--json")
    assert doctor.status == 1
    found = {c["name"]: c for c in doctor.json}
    assert found["configuration"]["level"] == "FAIL" and says in " ".join(found["configuration"]["details"])
    assert found["daemon"]["level"] == "FAIL"


# help and output

def commands(host, *path):
    text = host.ok(*path, "--help").stdout
    block = re.search(r"\nCommands:\n((?:  .*\n)+)", text)
    for line in block[1].splitlines():
        name = line.split()[0]
        page = host.ok(*path, name, "--help").stdout
        assert page.startswith("Usage: banger"), page
        assert all(len(x) <= 140 for x in page.splitlines()), page
        if "\nCommands:\n" in page:
            yield from commands(host, *path, name)
        yield " ".join([*path, name])


def test_every_command_has_a_page(empty):
    found = list(commands(empty))
    assert len(found) > 30 and "vm run" in found and "ps" in found
    assert not any(x.startswith("__") for x in found)
    assert not empty.socket.exists()


def test_defaults_are_in_the_help(empty):
    empty.configure("default_image_name = 'mine'\n[vm_defaults]\nvcpu = 7\ndisk_size = '12G'")
    page = empty.ok("vm", "run", "--help").stdout
    assert "(default 7)" in page and "(default 12G)" in page and "(default mine)" in page


def test_version(empty):
    lines = dict(line.split(maxsplit=1) for line in empty.ok("version").stdout.splitlines())
    data = empty.ok("version", "--json").json
    assert lines["version:"] == data["version"] and lines["build:"] == data["build"]
    assert re.fullmatch(r"banger [0-9.]+ \(build [0-9a-f]{40}\)\n", empty.ok("--version").stdout)
    text = empty.ok("version", "--licenses").stdout
    assert all(name in text for name in ("cJSON", "libarchive", "e2fsprogs", "zstd"))


def test_json_everywhere(empty):
    assert empty.ok("vm", "list", "--json").json == []
    assert empty.ok("image", "list", "--json").json == []
    assert empty.ok("kernel", "list", "--json").json == []
    assert empty.ok("ps").stdout.split()[0] == "NAME"
    status = empty.ok("daemon", "status", "--json").json
    assert status["socket"] == empty.ok("daemon", "socket").stdout.strip()
    assert {d["source"] for d in status["defaults"]} <= {"config", "auto", "builtin"}


def test_doctor(empty):
    text = empty.run("doctor")
    assert text.status == 0, text
    for line in text.stdout.splitlines():
        assert re.fullmatch(r"(PASS|WARN|FAIL)\t\S.*|  [-+] \S.*", line), line
    checks = empty.ok("doctor", "--json").json
    assert [c["name"] for c in checks] == [line.split("\t")[1] for line in text.stdout.splitlines() if "\t" in line]
    levels = {c["name"]: c["level"] for c in checks}
    assert levels["daemon"] == levels["architecture"] == levels["configuration"] == "PASS"
    assert levels["default image"] == "WARN"
    assert all(c["details"] for c in checks)


def test_full_standard_output(empty):
    empty.ok("vm", "list")
    with open("/dev/full", "w") as full:
        assert empty.run("vm", "list", "--json", stdout=full).status == 1


def test_closed_streams(empty):
    script = f"'{empty.binary}' vm list --json <&- 2>&-"
    done = subprocess.run(["sh", "-c", script], env=empty.env, stdout=subprocess.PIPE, timeout=60)
    assert done.returncode == 0 and json.loads(done.stdout) == []


# completion

def complete(host, shell, line):
    binary_dir = pathlib.Path(host.root) / "bin"
    binary_dir.mkdir(exist_ok=True)
    link = binary_dir / "banger"
    if not link.exists():
        link.symlink_to(host.binary)
    env = {**host.env, "PATH": f"{binary_dir}:{host.env['PATH']}"}
    if shell == "bash":
        script = ('source <(banger completion bash); IFS=" " read -ra COMP_WORDS <<<"$1"; [[ $1 == *" " ]] && COMP_WORDS+=("");'
                  'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _banger; printf "%s\\n" "${COMPREPLY[@]}"')
        out = subprocess.run(["bash", "-c", script, "bash", line], env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=30).stdout
    else:
        out = subprocess.run(["fish", "-c", "banger completion fish | source; complete -C $argv[1]", line], env=env, stdout=subprocess.PIPE,
                             text=True, check=True, timeout=30).stdout
    return sorted(x.split("\t")[0] for x in out.splitlines() if x)


@pytest.fixture
def named(empty):
    """A host with names to complete: kernels are records of their own, so a file that is no kernel leaves none."""
    empty.ok("vm", "list")
    return empty


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_completion(named, shell):
    if not shutil.which(shell):
        pytest.skip(f"no {shell}")
    assert complete(named, shell, "banger vm sto") == ["stop"]
    assert complete(named, shell, "banger vm run --net ") == ["nat", "none", "private"]
    assert complete(named, shell, "banger vm run --memo") == ["--memory"]
    assert complete(named, shell, "banger image import x --tar /etc/hostn") == ["/etc/hostname"]
    assert complete(named, shell, "banger vm kill --signal H") == ["HUP"]
    # No names there, or no daemon: nothing, and never files.
    assert complete(named, shell, "banger vm exec ") == []
    named.ok("daemon", "stop")
    assert complete(named, shell, "banger vm exec ") == []
    assert not named.socket.exists()


def test_completion_scripts_are_whole(empty):
    for shell in ("bash", "zsh", "fish"):
        script = empty.ok("completion", shell).stdout
        if shutil.which(shell):
            subprocess.run([shell, "-n"], input=script, text=True, check=True)


# the daemon

def test_starts_and_stops(empty):
    empty.run("daemon", "status").refused("no daemon runs")
    empty.ok("daemon", "stop")
    empty.ok("vm", "list")
    first = daemon_pid(empty)
    empty.ok("vm", "list")
    assert daemon_pid(empty) == first
    empty.ok("daemon", "stop")
    assert pid_gone(first, timeout=0.5)
    empty.ok("vm", "list")
    assert daemon_pid(empty) != first


def test_many_at_once_start_one_daemon(empty):
    for _ in range(5):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert all(r.status == 0 for r in pool.map(lambda _: empty.run("vm", "list"), range(8)))
        log = (empty.state / "bangerd.log").read_text()
        assert "cannot start" not in log, log
        os.kill(daemon_pid(empty), signal.SIGKILL)


def test_killed_daemon_is_replaced(empty):
    empty.ok("vm", "list")
    for _ in range(10):
        # The process may still be dying when the next command connects.
        os.kill(daemon_pid(empty), signal.SIGKILL)
        empty.ok("vm", "list")


def test_other_build_takes_over(empty, tmp_path):
    other = other_build(empty.binary, tmp_path / "banger")
    empty.ok("vm", "list")
    first = empty.ok("daemon", "status", "--json").json
    assert empty.ok("version", "--json", binary=str(other)).json["build"] != first["build"]
    # Looking does not replace.
    assert "another than this command" in empty.ok("daemon", "status", binary=str(other)).stdout
    assert daemon_pid(empty) == first["pid"]
    empty.ok("vm", "list", binary=str(other))
    second = empty.ok("daemon", "status", "--json").json
    assert second["pid"] != first["pid"] and second["build"] != first["build"]
    empty.ok("vm", "list")
    assert empty.ok("daemon", "status", "--json").json["build"] == first["build"]


def test_configuration_reaches_the_daemon(empty):
    text = "log_level = 'debug'\ndefault_dns = ['9.9.9.9']\n[vm_defaults]\nvcpu = 3\nmemory_mib = 600\n"
    empty.configure(text)
    empty.ok("vm", "list")
    defaults = {d["name"]: d for d in empty.ok("daemon", "status", "--json").json["defaults"]}
    want = tomllib.loads(text)
    assert defaults["vm_defaults.vcpu"] == {"name": "vm_defaults.vcpu", "value": str(want["vm_defaults"]["vcpu"]), "source": "config"}
    assert defaults["default_dns"]["value"] == "9.9.9.9" and defaults["log_level"]["source"] == "config"
    assert defaults["bridge_name"]["source"] == "builtin"
