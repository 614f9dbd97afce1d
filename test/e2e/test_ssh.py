# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenSSH's own clients into guests: over the network and over vsock, with keys and host keys that nobody typed."""
import os
import pathlib
import random
import re
import signal
import stat
import subprocess

import pytest

import waits
from conftest import DEBIAN

TOP = pathlib.Path(__file__).resolve().parents[2]
USER_SSH = pathlib.Path("/root/.ssh")


@pytest.fixture(scope="module", autouse=True)
def user_ssh():
    """An empty ~/.ssh for the tests' user, in their mount namespace only."""
    USER_SSH.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "none", USER_SSH], check=True)
    yield USER_SSH
    subprocess.run(["umount", USER_SSH], check=True)


@pytest.fixture(scope="module")
def vms(session_host, user_ssh):
    """One VM with a network and one without; ~/.ssh/config includes our settings."""
    names = {"network": "ssh-net", "vsock": "ssh-none"}
    session_host.ok("vm", "create", "--name", names["network"], *DEBIAN)
    session_host.ok("vm", "create", "--name", names["vsock"], "--net", "none", *DEBIAN)
    session_host.ok("ssh-config", "--install")
    yield names
    session_host.ok("ssh-config", "--uninstall")
    session_host.ok("vm", "delete", "--force", *names.values())


@pytest.fixture(params=["network", "vsock"])
def way(request, vms):
    return request.param


@pytest.fixture
def name(vms, way):
    return vms[way]


def run(host, *command, input=None, status=0, **how):
    result = subprocess.run([str(word) for word in command], env={**host.env, **how.pop("env", {})}, capture_output=True, text=True, input=input, timeout=240, **how)
    assert result.returncode == status, result
    return result


def test_vm_ssh(session_host, name):
    out = session_host.ok("vm", "ssh", name, "--", "sh", "-c", "hostname; id -u; echo $HOME").stdout
    assert out.split() == [name, "0", "/root"]


def test_way(session_host, way, name):
    """Where the connection comes from, as sshd sees it."""
    client = run(session_host, "ssh", f"{name}.vm", "echo $SSH_CLIENT").stdout.split()[0]
    assert client == {"network": "172.16.0.1", "vsock": "127.0.0.1"}[way]


@pytest.mark.parametrize("status", [0, 3, 42, 255])
def test_status(session_host, name, status):
    assert session_host.run("vm", "ssh", name, "--", "sh", "-c", f"exit {status}").status == status


def test_words_arrive_as_they_are(session_host, vms):
    words = ["a b", "", "$HOME", "'\"", "-x", "new\nline", "*"]
    out = session_host.ok("vm", "ssh", vms["network"], "--", "printf", "%s\\0", *words).stdout
    assert out.split("\0")[:-1] == words


def test_first_word_is_no_option_of_ssh(session_host, vms):
    assert session_host.run("vm", "ssh", vms["network"], "--", "-V").status == 127


def test_streams(session_host, name):
    data = random.Random(9).randbytes(4 << 20)
    assert session_host.run("vm", "ssh", name, "--", "cat", input=data).out == data


class Login:
    """`vm ssh` at a terminal of its own."""

    def __init__(self, host, name):
        self.terminal, theirs = os.openpty()
        self.process = host.popen("vm", "ssh", name, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, start_new_session=True)
        os.close(theirs)

    def say(self, text):
        os.write(self.terminal, text.encode())

    def read_until(self, words):
        seen = b""
        while words not in seen:
            try:
                seen += os.read(self.terminal, 4096)
            except OSError as e: # nobody has the other end any more
                raise AssertionError(f"no {words} in {seen}: {self.end()}") from e
        return seen

    def end(self):
        """Exit status and what was said on standard error."""
        try:
            err = self.process.communicate(timeout=60)[1].decode()
        finally:
            self.process.kill()
            os.close(self.terminal)
        return self.process.returncode, err


@pytest.mark.parametrize("status", [0, 7])
def test_reminder(session_host, name, status):
    """After a login one line says that the VM keeps running; after a command none does."""
    login = Login(session_host, name)
    login.say("echo in-$((40+2)); tty\n")
    login.read_until(b"in-42")
    login.read_until(b"/dev/pts/")
    login.say(f"exit {status}\n")
    said, err = login.end()
    assert said == status and f"[vm ssh] '{name}' keeps running: banger vm ssh {name}, banger vm stop {name}\n" in err, err
    assert "keeps running" not in session_host.ok("vm", "ssh", name, "--", "true").stderr


def test_no_reminder_of_what_has_ended(session_host):
    session_host.ok("vm", "create", "--name", "ends", "--net", "none", *DEBIAN)
    try:
        login = Login(session_host, "ends")
        login.say("echo in-$((40+2))\n")
        login.read_until(b"in-42")
        session_host.ok("vm", "kill", "ends")
        said, err = login.end()
        assert said == 255 and "keeps running" not in err
        # who ends banger ends its ssh
        session_host.ok("vm", "start", "ends")
        login = Login(session_host, "ends")
        login.say("echo in-$((40+2))\n")
        login.read_until(b"in-42")
        children = pathlib.Path(f"/proc/{login.process.pid}/task/{login.process.pid}/children").read_text().split()
        assert len(children) == 1
        login.process.send_signal(signal.SIGTERM)
        said, err = login.end()
        assert said == -signal.SIGTERM and "keeps running" not in err and waits.pid_gone(int(children[0]))
    finally:
        session_host.ok("vm", "delete", "--force", "ends")


def test_scp(session_host, name, tmp_path):
    data = random.Random(1).randbytes(3 << 20)
    (tmp_path / "there").write_bytes(data)
    run(session_host, "scp", "-q", tmp_path / "there", f"{name}.vm:/tmp/copied")
    run(session_host, "scp", "-q", f"{name}.vm:/tmp/copied", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data


def give_rsync(host, name):
    """The stock guest has none, so it gets the host's, with its libraries."""
    program = "/usr/bin/rsync"
    libraries = re.findall(r"(?:=> |^\t)(/\S+)", subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout, re.M)
    run(host, "ssh", f"{name}.vm", "mkdir -p /root/rsync")
    run(host, "scp", "-q", program, *libraries, f"{name}.vm:/root/rsync/")
    loader = next(pathlib.Path(lib).name for lib in libraries if "ld-linux" in lib)
    script = f'#!/bin/sh\nexec /root/rsync/{loader} --library-path /root/rsync /root/rsync/rsync "$@"\n'
    run(host, "ssh", f"{name}.vm", "cat >/usr/local/bin/rsync; chmod +x /usr/local/bin/rsync", input=script)


def test_rsync(session_host, name, tmp_path):
    give_rsync(session_host, name)
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    for i in range(50):
        (tree / "below" / f"file {i}").write_text("x" * i * 100)
    (tree / "link").symlink_to("below/file 1")
    run(session_host, "rsync", "-a", f"{tree}/", f"{name}.vm:/tmp/tree/")
    run(session_host, "rsync", "-a", f"{name}.vm:/tmp/tree/", f"{tmp_path}/back/")
    run(session_host, "diff", "-r", tree, tmp_path / "back")


def test_git_push_and_clone(session_host, name, tmp_path):
    repo = tmp_path / "repo"
    identity = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
    run(session_host, "git", "init", "-q", "-b", "main", repo)
    (repo / "file").write_text("content\n")
    run(session_host, "git", "-C", repo, "add", "file")
    run(session_host, "git", "-C", repo, "commit", "-q", "-m", "first", env=identity)
    run(session_host, "ssh", f"{name}.vm", "git init -q --bare /root/repo.git")
    run(session_host, "git", "-C", repo, "push", "-q", f"{name}.vm:repo.git", "main")
    run(session_host, "git", "clone", "-q", "-b", "main", f"{name}.vm:repo.git", tmp_path / "clone")
    assert (tmp_path / "clone/file").read_text() == "content\n"


def test_key_and_its_place(session_host, vms):
    session_host.ok("vm", "ssh", vms["network"], "--", "true")
    folder = session_host.state / "ssh"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} | {".": stat.S_IMODE(folder.stat().st_mode)}
    assert modes == {".": 0o700, "id_ed25519": 0o600, "id_ed25519.pub": 0o644, "known_hosts.d": 0o700}
    assert not (USER_SSH / "known_hosts").exists()


def test_a_new_vm_has_the_key_from_its_boot(session_host, vms):
    """By hello, before anybody used ssh: nothing of ours is in the way of the plain client."""
    public = (session_host.state / "ssh/id_ed25519.pub").read_text().strip()
    session_host.ok("vm", "create", "--name", "ssh-new")
    try:
        assert session_host.exec("ssh-new", "cat", "/root/.ssh/authorized_keys").strip() == public
        assert session_host.exec("ssh-new", "stat", "-c", "%a %u", "/root", "/root/.ssh", "/root/.ssh/authorized_keys").split("\n")[:3] == ["700 0", "700 0", "600 0"]
    finally:
        session_host.ok("vm", "delete", "--force", "ssh-new")


def test_users_keys_stay_and_modes_are_mended(session_host, vms):
    name = vms["network"]
    mine = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3Gd2nkK3e8v7nDsmfVn4gVd0aXkmM4v0b8p7X0mine me"
    session_host.exec(name, "sh", "-c", f"echo '{mine}' >/root/.ssh/authorized_keys; chown 1000:1000 /root/.ssh; chmod 777 /root/.ssh; chmod g+w /root")
    session_host.ok("vm", "ssh", name, "--", "true")
    lines = session_host.exec(name, "cat", "/root/.ssh/authorized_keys").splitlines()
    assert lines[0] == mine and len(lines) == 2
    session_host.ok("vm", "ssh", name, "--", "true")
    assert len(session_host.exec(name, "cat", "/root/.ssh/authorized_keys").splitlines()) == 2


def test_waits_for_the_boot(session_host, vms):
    """Right after the start sshd is not there yet."""
    session_host.ok("vm", "restart", vms["network"])
    assert session_host.ok("vm", "ssh", vms["network"], "--", "echo", "up").stdout == "up\n"


def test_host_keys_are_the_guests_own(session_host, name):
    session_host.ok("vm", "ssh", name, "--", "true")
    pinned = (session_host.state / f"ssh/known_hosts.d/{name}.vm").read_text()
    theirs = session_host.exec(name, "sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub")
    assert [line.split()[1:] for line in pinned.splitlines()] == [line.split()[:2] for line in theirs.splitlines()]


def test_new_host_keys_are_told_and_pinned(session_host, vms):
    name = vms["network"]
    session_host.ok("vm", "ssh", name, "--", "true")
    session_host.exec(name, "sh", "-c", "rm /etc/ssh/ssh_host_*; ssh-keygen -q -A; systemctl restart ssh")
    result = session_host.ok("vm", "ssh", name, "--", "true")
    assert "host keys of ssh-net.vm have changed" in result.stderr
    assert "changed" not in session_host.ok("vm", "ssh", name, "--", "true").stderr


def test_somebody_elses_host_key_is_refused(session_host, vms):
    """Who answers at port 22 is not who the guest says its ssh server is."""
    name = vms["network"]
    session_host.exec(name, "sh", "-c", "mkdir /root/kept; cp /etc/ssh/ssh_host_*.pub /root/kept; rm /etc/ssh/ssh_host_*.pub; ssh-keygen -q -t ed25519 -N '' -f /root/other; "
                      "mv /root/other.pub /etc/ssh/ssh_host_ed25519_key.pub")
    result = session_host.run("vm", "ssh", name, "--", "true")
    session_host.exec(name, "sh", "-c", "cp /root/kept/* /etc/ssh; rm -r /root/kept /root/other")
    assert result.status == 255 and re.search("REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed", result.stderr), result
    session_host.ok("vm", "ssh", name, "--", "true")


def test_delete_forgets(session_host, vms):
    session_host.ok("vm", "create", "--name", "ssh-gone", *DEBIAN)
    session_host.ok("vm", "ssh", "ssh-gone", "--", "true")
    pin = session_host.state / "ssh/known_hosts.d/ssh-gone.vm"
    assert pin.exists()
    session_host.ok("vm", "delete", "--force", "ssh-gone")
    assert not pin.exists()
    # The address and the name come back with other keys, and nobody minds.
    session_host.ok("vm", "create", "--name", "ssh-gone", *DEBIAN)
    assert "changed" not in session_host.ok("vm", "ssh", "ssh-gone", "--", "true").stderr
    session_host.ok("vm", "delete", "--force", "ssh-gone")


def test_by_id(session_host, vms):
    vm = session_host.show(vms["vsock"])
    assert run(session_host, "ssh", f"{vm['id']}.vm", "hostname").stdout.strip() == vms["vsock"]
    assert session_host.ok("vm", "ssh", vm["id"][:8], "--", "hostname").stdout.strip() == vms["vsock"]


def test_no_ssh_server(session_host, vms):
    session_host.ok("vm", "create", "--name", "ssh-bare")
    try:
        session_host.run("vm", "ssh", "ssh-bare", "--", "true").refused("nobody listens at port 22 in 'ssh-bare'", status=255)
        result = run(session_host, "ssh", "ssh-bare.vm", "true", status=255)
        assert "nobody listens at port 22 in 'ssh-bare'" in result.stderr
    finally:
        session_host.ok("vm", "delete", "--force", "ssh-bare")


def test_bad_input(session_host, vms):
    session_host.run("vm", "ssh", "nobody", "--", "true").refused("no VM named 'nobody'", status=255)
    session_host.ok("vm", "create", "--name", "ssh-off", "--no-start")
    session_host.run("vm", "ssh", "ssh-off").refused("reach 'ssh-off': it is created", status=255)
    session_host.ok("vm", "delete", "ssh-off")
    assert "no VM named 'nobody'" in run(session_host, "ssh", "nobody.vm", status=255).stderr
    session_host.run("internal", "ssh-proxy", f"{vms['vsock']}.vm", "99999").refused("port")
    session_host.run("internal", "ssh-proxy", f"{vms['vsock']}.vm", "4").refused("nobody listens at port 4")
    session_host.run("vm", "ssh", vms["vsock"], env={**session_host.env, "PATH": "/nowhere"}).refused("OpenSSH's client is not installed", status=255)


def test_a_key_of_the_users_own(new_host, tmp_path):
    host = new_host()
    key = tmp_path / "mine"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    host.configure(f"ssh_key_path = '{key}'\n")
    host.ok("vm", "create", "--name", "own", "--net", "none", *DEBIAN)
    assert host.ok("vm", "ssh", "own", "--", "cat", "/root/.ssh/authorized_keys").stdout == key.with_suffix(".pub").read_text()
    assert not (host.state / "ssh/id_ed25519").exists()
    key.with_suffix(".pub").unlink()
    host.run("vm", "ssh", "own", "--", "true").refused("the public half of the ssh key", status=255)
    key.unlink()
    host.run("vm", "ssh", "own", "--", "true").refused("the ssh key '.*mine'", status=255)


def test_config_block(session_host, vms):
    """--install puts exactly the block in, once, and --uninstall takes exactly it out."""
    config = USER_SSH / "config"
    session_host.ok("ssh-config", "--uninstall")
    assert not config.exists()
    mine = "Host elsewhere\n\tUser me\n"
    config.write_text(mine)
    config.chmod(0o600)
    assert "--install writes that line" in session_host.ok("ssh-config").stdout
    session_host.ok("ssh-config", "--install")
    once = config.read_text()
    assert once.endswith(mine) and once.count("Include") == 1 and once.index("Include") < once.index("elsewhere")
    assert "already" in session_host.ok("ssh-config", "--install").stdout and config.read_text() == once
    assert session_host.ok("ssh-config").stdout.splitlines()[0] == str(session_host.root / "config/ssh_config")
    session_host.ok("ssh-config", "--uninstall")
    assert config.read_text() == mine
    session_host.run("ssh-config", "--install", "--uninstall").refused("exclude each other")
    config.unlink()
    session_host.ok("ssh-config", "--install")


def test_doctor(session_host, vms):
    checks = {c["name"]: c for c in session_host.run("doctor", "--json").json}
    assert checks["ssh"]["level"] == "PASS", checks["ssh"]
    session_host.ok("ssh-config", "--uninstall")
    checks = {c["name"]: c for c in session_host.run("doctor", "--json").json}
    session_host.ok("ssh-config", "--install")
    assert checks["ssh"]["level"] == "WARN" and any("ssh-config --install" in text for text in checks["ssh"]["details"]), checks["ssh"]


def test_document(session_host, vms, binary, tmp_path):
    """The commands of docs/ssh.md."""
    text = (TOP / "docs/ssh.md").read_text()
    commands = [line.strip() for line in re.findall(r"^    (\S.*?)(?:   .*)?$", text, re.M)]
    assert len(commands) == 7, commands
    (tmp_path / "banger").symlink_to(binary)
    (tmp_path / "notes.txt").write_text("notes\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.c").write_text("int main;\n")
    identity = [word for key in ("name", "email") for word in ("-c", f"user.{key}=t")]
    for command in ["init", "-q", "-b", "main"], [*identity, "commit", "-q", "--allow-empty", "-m", "first"]:
        run(session_host, "git", *command, cwd=tmp_path)
    session_host.ok("vm", "create", "--name", "otter", "--net", "none", *DEBIAN)
    try:
        give_rsync(session_host, "otter")
        run(session_host, "ssh", "otter.vm", "git init -q --bare repo")
        env = {**session_host.env, "PATH": f"{tmp_path}:{session_host.env['PATH']}"}
        for command in commands:
            result = subprocess.run(["sh", "-c", command], env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
            assert result.returncode == 0, result
        assert session_host.exec("otter", "cat", "/root/notes.txt", "/root/src/main.c") == "notes\nint main;\n"
        assert session_host.exec("otter", "git", "-C", "/root/repo", "log", "--format=%s", "main") == "first\n"
        assert "otter" in session_host.ok("vm", "ports", "otter").stdout
    finally:
        session_host.ok("vm", "delete", "--force", "otter")
