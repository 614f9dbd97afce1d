# SPDX-License-Identifier: GPL-2.0-or-later
"""A host for the tests: the machine itself as root, in a network and a mount namespace of its own, and a banger in a folder of its own.

Environment: BANGER_BINARY (build/src/banger), BANGER_TEST_CACHE (what guests are made of, see make-stock; ~/.cache/banger-test)."""
import os
import pathlib

import pytest

import leftovers
import namespaces
import stock as stock_files
from host import Host

TOP = pathlib.Path(__file__).resolve().parents[2]
NOBODY = 65534
LONGEST = ("test_ssh.py", "test_storage.py", "test_soak.py", "test_doctor.py", "test_identity.py", "test_vm_life.py", "test_inits.py")

# Options for a guest with systemd, sshd and Debian's tools. Others are of the light image, see stock.py.
DEBIAN = ("--image", "debian-bookworm")

hosts = []


def pytest_configure(config):
    if config.option.collectonly:
        return
    if os.getuid():
        pytest.exit("these tests need root", 3)
    config.banger_stock = stock_files.Stock(os.environ.get("BANGER_TEST_CACHE") or pathlib.Path.home() / ".cache/banger-test")
    try:
        namespaces.enter()
    except OSError as e:
        pytest.exit(f"the machine refuses {e.strerror}", 3)


def claimed(items, folder):
    """The items of those files that no other process has taken, a file at a time; the longest files first, so that all end together."""
    by_file = {}
    for item in items:
        by_file.setdefault(item.path.name, []).append(item)
    for name in sorted(by_file, key=lambda name: LONGEST.index(name) if name in LONGEST else len(LONGEST)):
        try:
            os.mkdir(os.path.join(folder, name))
        except FileExistsError:
            continue
        yield from by_file[name]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """Where scripts/test runs us more than once at a time, BANGER_TEST_CLAIMS is the folder in which we agree on who runs which file."""
    folder = os.environ.get("BANGER_TEST_CLAIMS")
    if not folder or session.config.option.collectonly:
        return None
    mine = claimed(session.items, folder)
    item = next(mine, None)
    while item:
        following = next(mine, None)
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail or session.shouldstop:
            break
        item = following
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for host in hosts:
            report.sections.append((f"daemon log of {host.root}", host.log_tail(40)))


@pytest.fixture(scope="session")
def binary():
    path = pathlib.Path(os.environ.get("BANGER_BINARY") or TOP / "build/src/banger").resolve()
    assert path.exists(), f"no '{path}': scripts/setup-build release, then ninja -C build"
    return path


@pytest.fixture(scope="session")
def stock(request):
    return request.config.banger_stock


def open_host(*args, **how):
    host = Host(*args, **how)
    hosts.append(host)
    return host


def close_host(host):
    hosts.remove(host)
    host.close()
    if not any(other.socket.exists() for other in hosts):
        assert not leftovers.bridges(), "a bridge is left after the last daemon's end"


@pytest.fixture(scope="session")
def session_host(binary, stock):
    """With kernel 'debian' and the images 'debian-bookworm' and 'light', which have been imported as a user does."""
    host = open_host(binary)
    host.configure("", image="light")
    host.ok("kernel", "import", "debian", "--deb", stock.deb)
    host.ok("image", "import", "debian-bookworm", "--tar", stock.rootfs, "--kernel", "debian")
    host.ok("image", "import", "light", "--tar", stock.light, "--kernel", "debian")
    yield host
    close_host(host)


@pytest.fixture
def host(session_host):
    """The session's host; whatever a test leaves there fails it."""
    session_host.ok("vm", "list")
    session_host.before = leftovers.snapshot(session_host)
    yield session_host
    leftovers.assert_nothing_new(session_host, session_host.before)


@pytest.fixture
def new_host(binary, session_host):
    """new_host(user=, env=, images=): another banger, with the same kernels and images at no cost."""
    made = []

    def make(images=True, **how):
        made.append(open_host(how.pop("binary", binary), **how))
        return made[-1].take_over(session_host) if images else made[-1]
    yield make
    for host in made:
        close_host(host)


@pytest.fixture
def new_vm(host):
    """new_vm(NAME, option...): a VM that is deleted when the test ends; running unless --no-start is among the options."""
    made = []

    def make(name, *options):
        made.append(name)
        host.ok("vm", "create", "--name", name, *options)
        return name
    yield make
    there = host.vms()
    mine = [name for name in made if name in there]
    if mine:
        host.ok("vm", "delete", "--force", *mine)


@pytest.fixture
def vm(host):
    """A VM that runs and is shared by the tests of one session: leave it as it is."""
    return shared(host, "shared")


@pytest.fixture
def debian(host):
    """The same with systemd and Debian's tools."""
    return shared(host, "shared-debian", *DEBIAN)


def shared(host, name, *options):
    there = host.vms().get(name)
    if not there:
        host.ok("vm", "create", "--name", name, *options)
    elif there["state"] != "running":
        host.ok("vm", "start", name)
    host.before = leftovers.snapshot(host)
    return name
