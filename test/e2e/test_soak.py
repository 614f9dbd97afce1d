# SPDX-License-Identifier: GPL-2.0-or-later
"""Kills in the middle of operations and runs in a row: the short form, or with BANGER_SOAK the long one, which writes docs/soak-report.md."""
import os
import random
import sys

import conftest

sys.path.insert(0, str(conftest.TOP / "test/soak"))
import kill


def test_kills_and_runs(new_host):
    long = bool(os.environ.get("BANGER_SOAK"))
    n_kills, n_runs = (200, 50) if long else (20, 10)
    seed = int(os.environ.get("BANGER_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed}")
    host = new_host()
    host.configure('bridge_name = "br-fc-soak"\nbridge_ip = "172.17.7.1"\n', image="debian-bookworm" if long else "light")
    soak = kill.Soak(host, seed)
    soak.kills(n_kills)
    print(soak.table(), soak.moments_table(), sep="\n\n")
    soak.runs(n_runs)
    if long:
        (conftest.TOP / "docs/soak-report.md").write_text(soak.report(n_kills, n_runs))
