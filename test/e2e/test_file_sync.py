# SPDX-License-Identifier: GPL-2.0-or-later
"""What a new VM gets of its owner's: [[file_sync]] of config.toml, and the identity for git. The disks are read by debugfs, the identities by git."""
import os
import pathlib
import re
import subprocess

import pytest

BASE = 'bridge_name = "br-fc-sync"\nbridge_ip = "172.17.9.1"\n'
USER = 4242


def sync(*entries):
    """Lines for config.toml: (host, guest[, mode])."""
    text = BASE
    for host, guest, *mode in entries:
        text += f'[[file_sync]]\nhost = "{host}"\nguest = "{guest}"\n' + (f'mode = "{mode[0]}"\n' if mode else "")
    return text


class Disk:
    """A VM's work disk, by debugfs."""

    def __init__(self, host, vm):
        self.image = host.state / "vms" / host.vm_id(vm) / "work.ext4"
        subprocess.run(["e2fsck", "-fn", self.image], check=True, capture_output=True)

    def debugfs(self, command):
        return subprocess.run(["debugfs", "-R", command, self.image], capture_output=True).stdout

    def ls(self, path="/"):
        """Names in a folder: mode, owner and group."""
        rows = (re.match(r" *\d+ +(\d+) \(\d+\) +(\d+) +(\d+) +\d+ +\S+ +\S+ (.*)", line) for line in self.debugfs(f'ls -l "{path}"').decode().splitlines())
        return {m[4]: (int(m[1], 8) & 0o7777, int(m[2]), int(m[3])) for m in rows if m and m[4] not in (".", "..", "lost+found")}

    def cat(self, path):
        return self.debugfs(f'cat "{path}"')


@pytest.fixture(params=["root", "user"])
def host(request, new_host):
    return new_host(user=USER if request.param == "user" else None)


@pytest.fixture
def home(host):
    return pathlib.Path(host.env["HOME"])


def give(host, path, data=b"", mode=0o600):
    """A file of the owner's with the folders that lead to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    if host.user is not None:
        subprocess.run(["chown", "-Rh", f"{host.user}:{host.user}", host.env["HOME"]], check=True)


def create(host, name="vm", *options):
    result = host.ok("vm", "create", "--no-start", "--net", "none", "--name", name, "--disk-size", "512M", *options)
    return Disk(host, name), [line for line in result.stderr.splitlines() if "warning" in line]


def test_files_and_folders(host, home):
    """Root's in the guest; a file has the entry's mode or 0600, a folder's files keep theirs."""
    data = os.urandom((3 << 20) + 17)
    give(host, home / ".config/gh/hosts.yml", b"token\n", 0o644)
    give(host, home / "bin/tool", data, 0o700)
    give(host, home / ".aws/config", b"[default]\n", 0o640)
    give(host, home / ".aws/cli/cache/x y", b"x" * 5000, 0o755)
    give(host, home / ".aws/empty", b"", 0o4711)
    (home / ".aws").chmod(0o750)
    host.configure(sync(("~/.config/gh/hosts.yml", "~/.config/gh/hosts.yml"), ("~/bin/tool", "/root/bin/other", "0755"), (f"{home}/.aws/", "~/.aws")))
    disk, warnings = create(host)
    assert warnings == []
    assert disk.ls("/.config/gh") == {"hosts.yml": (0o600, 0, 0)}
    assert disk.ls("/bin") == {"other": (0o755, 0, 0)}
    assert disk.cat("/bin/other") == data
    assert disk.ls("/")[".aws"] == (0o750, 0, 0)
    assert disk.ls("/.aws") == {"config": (0o640, 0, 0), "cli": ((home / ".aws/cli").stat().st_mode & 0o777, 0, 0), "empty": (0o711, 0, 0)}
    assert disk.ls("/.aws/cli/cache") == {"x y": (0o755, 0, 0)}
    assert disk.cat("/.aws/cli/cache/x y") == b"x" * 5000


def test_what_is_missing_is_told_and_passed_over(host, home):
    give(host, home / "there", b"there")
    (home / "dangling").symlink_to("nowhere")
    host.configure(sync(("~/gone", "~/gone"), ("~/there/below", "~/below"), ("~/dangling", "~/dangling"), ("~/there", "~/there")))
    disk, warnings = create(host)
    assert warnings == ["banger: warning: file_sync: '~/gone' is not there, so it is not copied; file_sync: '~/there/below' is not there, so it is not "
                        "copied; file_sync: '~/dangling' is not there, so it is not copied"]
    assert disk.cat("/there") == b"there"
    assert not {"gone", "below", "dangling"} & set(disk.ls("/"))


def test_links(host, home):
    """At the top followed while they stay in the home folder; further down left out and told."""
    give(host, home / "real/secret", b"mine", 0o644)
    give(host, home / "tree/file", b"file")
    (home / "link").symlink_to(home / "real")
    (home / "tree/out").symlink_to("/etc/passwd")
    (home / "tree/in").symlink_to("file")
    os.mkfifo(home / "tree/pipe")
    host.configure(sync(("~/link/secret", "~/secret"), ("~/link", "~/link"), ("~/tree", "~/tree")))
    disk, warnings = create(host)
    assert disk.cat("/secret") == b"mine" and disk.ls("/link") == {"secret": (0o644, 0, 0)}
    assert set(disk.ls("/tree")) == {"file"}
    assert len(warnings) == 1 and re.fullmatch(r"banger: warning: file_sync: 3 symlinks or special files below '~/tree' are not copied \(guest: '~/tree/\w+'\)",
                                               warnings[0])


@pytest.mark.parametrize("target", ["/etc/passwd", "/etc", "../state", ".."])
def test_links_out_of_the_home(host, home, target):
    (home / "out").symlink_to(target)
    host.configure(sync(("~/out", "~/out")))
    refused(host, r"file_sync '~/out': it leads to '\S+', outside of '\S+/home'")


def refused(host, says):
    """And nothing is left of the VM."""
    host.run("vm", "create", "--no-start", "--net", "none", "--name", "bad", "--disk-size", "64M").refused(r"create 'bad': .*" + says)
    assert "bad" not in host.vms() and not list((host.state / "vms").glob("*"))


def test_special_files(host, home):
    os.mkfifo(home / "pipe")
    host.configure(sync(("~/pipe", "~/pipe")))
    refused(host, r"file_sync '~/pipe': it is neither a file nor a folder")


def test_what_the_owner_may_not_read(new_host):
    host = new_host(user=USER)
    home = pathlib.Path(host.env["HOME"])
    give(host, home / "tree/a/theirs", b"secret")
    os.chown(home / "tree/a/theirs", 0, 0)
    host.configure(sync(("~/tree", "~/tree")))
    refused(host, r"file_sync '~/tree': open '~/tree/a/theirs': Permission denied")


def test_too_much(host, home):
    give(host, home / "large")
    os.truncate(home / "large", (1 << 30) + 1)
    host.configure(sync(("~/large", "~/large")))
    refused(host, r"file_sync '~/large': that is more than 1024 MiB or 100000 files in all")
    os.truncate(home / "large", 100 << 20)
    refused(host, r"file_sync '~/large': write 'large' into image")


def test_the_image_cannot_lead_it_elsewhere(host, home, stock, tmp_path):
    """A link in the image's /root is followed within the disk."""
    tree = tmp_path / "tree"
    (tree / "root").mkdir(parents=True)
    (tree / "root/.aws").symlink_to("../../../../../etc")
    (tree / "root/.gitconfig").write_text("[core]\n\teditor = vi\n")
    subprocess.run(["tar", "-C", tree, "-cf", tmp_path / "image.tar", "root"], check=True)
    with open(tmp_path / "image.tar", "rb") as tar:
        host.ok("image", "import", "links", "--tar", "/dev/stdin", stdin=tar)
    give(host, home / "config", b"mine")
    give(host, home / ".gitconfig", b"[user]\n\tname = N\n")
    host.configure(sync(("~/config", "~/.aws/config")))
    host.ok("daemon", "reload")
    disk, _ = create(host, "vm", "--image", "links", "--kernel", "debian")
    assert disk.cat("/etc/config") == b"mine"
    assert disk.cat("/.gitconfig") == b"[core]\n\teditor = vi\n" and disk.cat("/.config/git/config") == b'[user]\n\tname = "N"\n'


def test_reload(host, home):
    give(host, home / "a", b"a")
    host.configure(sync())
    host.ok("vm", "list")
    host.configure(sync(("~/a", "~/a")))
    assert host.ok("daemon", "reload").stdout.split() == ["file_sync"]
    assert create(host)[0].cat("/a") == b"a"
    values = {v["name"]: (v["value"], v["source"]) for v in host.status()["defaults"]}
    assert values["file_sync"] == ("~/a", "config") and values["git_identity"] == ("true", "builtin")
    assert {"  - file_sync = ~/a (config)", "  - vm_defaults.disk_size = 8G (builtin)"} <= set(host.run("doctor").stdout.splitlines())
    host.configure(sync(("~/../a", "~/a")))
    host.run("daemon", "reload").refused(r"config\.toml:5:1: 'host' of file_sync entry 1 must be a path below ~/")
    shown = host.run("doctor").stdout
    assert "FAIL\tconfiguration" in shown and "config.toml:5:1" in shown


# Identities as people write them, each with what git itself makes of it.
CONFIGS = {
    "plain": {".gitconfig": "[user]\n\tname = Ada L\n\temail = ada@example.org\n"},
    "quotes": {".gitconfig": '[user] name = "A # b;c" d  # x\n[USER]\nEmail= a\\tb\\\\c\\"d ; y\n'},
    "continued": {".gitconfig": '[user]\n  name = A \\\n  B   \n[user "x"]\nname = no\n[user.x]\nemail = no\n'},
    "xdg": {".config/git/config": "[user]\nname = X\nemail = x@x\n", ".gitconfig": "[user]\r\nname = Y\r\n"},
    "include": {".gitconfig": "[user]\nname = first\n[include]\npath = more\npath = ~/sub/other\npath = missing\n[includeIf \"gitdir:/nowhere/\"]\npath = never\n",
                "more": "[user]\nname = second\n", "sub/other": "[include] path = inner\n", "sub/inner": "[user]\nemail = in@n\n", "never": "[user]\nname=never\n"},
    "later wins": {".gitconfig": "[user]\nname = a\nname = b\n[core]\nname = c\nbare\n"},
    "umlauts": {".gitconfig": "\ufeff[user]\nname = Zoë Ñ \"\"\nemail =\n"},
    "none": {".gitconfig": "[core]\neditor = vi\n"},
    "no file": {},
}


@pytest.mark.parametrize("case", CONFIGS)
def test_git_identity(new_host, case, tmp_path):
    host = new_host()
    home = pathlib.Path(host.env["HOME"])
    host.configure(BASE)
    for name, text in CONFIGS[case].items():
        give(host, home / name, text.encode(), 0o644)

    def git(key, **env):
        return subprocess.run(["git", "config", "--includes", key], env={"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", **env}, capture_output=True, cwd="/").stdout
    wanted = {key: git(key, HOME=str(home)) for key in ("user.name", "user.email")}
    disk, warnings = create(host)
    assert warnings == []
    (tmp_path / ".gitconfig").write_bytes(disk.cat("/.gitconfig"))
    assert {key: git(key, HOME=str(tmp_path)) for key in wanted} == wanted
    assert (".gitconfig" in disk.ls("/")) == any(wanted.values())
    assert disk.ls("/").get(".gitconfig", (0o644, 0, 0)) == (0o644, 0, 0)


def test_git_identity_is_no_reason_to_fail(new_host):
    host = new_host()
    home = pathlib.Path(host.env["HOME"])
    host.configure(BASE)
    give(host, home / ".gitconfig", b"[user]\nname = a\n[user\n")
    disk, warnings = create(host)
    assert warnings == [f"banger: warning: no identity for git: '{home}/.gitconfig' line 3: the section has no ']'"]
    give(host, home / ".gitconfig", b"[include]\npath = .gitconfig\n")
    _, warnings = create(host, "loop")
    assert "files include each other without end" in warnings[0]
    # not wanted, and a copied file has precedence
    give(host, home / ".gitconfig", b"[user]\nname = a\n")
    host.configure(BASE + "git_identity = false\n")
    host.ok("daemon", "reload")
    assert ".gitconfig" not in create(host, "without")[0].ls("/")
    host.configure(sync(("~/.gitconfig", "~/.gitconfig")))
    host.ok("daemon", "reload")
    disk, _ = create(host, "copied")
    assert disk.cat("/.gitconfig") == b"[user]\nname = a\n" and disk.ls("/")[".gitconfig"] == (0o600, 0, 0)
