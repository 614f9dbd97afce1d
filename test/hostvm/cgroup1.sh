# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside a host machine with control groups of version 1: an installed banger, whose VMs have no limits there, says so. What a case printed is left in
# /out/cgroup1/CASE.out and CASE.err, its status in CASE.status, its milliseconds in CASE.ms; test_cgroup1.py asserts.
out=/out/cgroup1
. /payload/host.sh

case_ groups stat -f -c %T /sys/fs/cgroup /sys/fs/cgroup/memory
case_ install ./banger system install --owner alice
case_ stock stock
case_ create owner vm create --name box
case_ show owner vm show box --json
case_ status owner daemon status
case_ doctor owner doctor --json
case_ restart survives banger system restart
case_ uninstall banger system uninstall --force --purge --yes
