# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine, once for each boot of one and the same disk: "cuts.sh install", then "cuts.sh round OPERATION" until the power goes. Lines that
# begin with "CUT " are for test_cuts.py.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
dmesg -n 1

owner() {
	timeout 120 sudo -H -u alice banger -q "$@" < /dev/null
}

say() {
	echo "CUT $*"
}

fail() {
	say "FAILED $*"
	journalctl -b -o cat -u bangerd -u bangerd-root | tail -20
	exit 1
}

in_transit() {
	owner vm list --json | jq -e 'map(select(.state | test("ing$") and . != "running")) | length > 0' > /dev/null ||
		owner image list --json | jq -e 'map(select(.state == "importing" or .state == "deleting")) | length > 0' > /dev/null
}

# Whatever was under way is undone or ended when no operation is left.
settled() {
	local end=$(($(date +%s) + 60))
	while in_transit; do
		[ "$(date +%s)" -lt $end ] || fail "still in transit: $(owner vm list)"
		sleep 0.2
	done
}

# Records that cannot be read, files without a record, and what belongs to VMs that do not run.
check_leftovers() {
	local f id
	journalctl -b -o cat -u bangerd | grep -i 'cannot be read\|record' && fail "a record is torn"
	for f in /var/lib/banger/vms/* /var/lib/banger/images/* /var/lib/banger/kernels/*; do
		id=$(basename "$f" .json)
		case $f in
		*.new) fail "left over: $f" ;;
		*.json) jq -e .id "$f" > /dev/null || fail "torn record $f" ;;
		*) [ -f "$(dirname "$f")/$id.json" ] || fail "without a record: $f" ;;
		esac
	done
	ip -o link | grep -o 'tap-fc[^:]*' && fail "a tap is left"
	ps -eo comm= | grep -E '^(firecracker|qemu)' && fail "a VMM is left"
	ls -A /run/banger/vms | grep . && fail "a run folder is left"
	losetup -a | grep . && fail "a loop device is left"
}

check_keeper() {
	local state reason
	state=$(owner vm show keeper --json | jq -r .state) reason=$(owner vm show keeper --json | jq -r .reason)
	case $state in
	stopped) [ "$1" != running ] || [ "$reason" = "the host restarted" ] || fail "keeper is stopped for '$reason'" ;;
	*) fail "keeper is $state: $reason" ;;
	esac
	say "VERIFIED $state: $reason"
	owner vm start keeper > /dev/null || fail "keeper does not start"
	[ "$(owner vm exec keeper -- cat /root/mark)" = kept ] || fail "keeper has lost what it had flushed"
}

operation() {
	case $1 in
	create) owner vm create --name new-"$RANDOM" ;;
	start) owner vm create --name begin --no-start && owner vm start begin ;;
	stop) owner vm stop keeper ;;
	delete) owner vm delete --force doomed ;;
	import) owner image import other-"$RANDOM" --kernel debian --tar /var/lib/rootfs.tar ;;
	esac
}

case $1 in
install)
	cd /payload && chmod -R a+rX . && useradd -m alice && install -m 0755 firecracker /usr/local/bin/ || fail prepare
	cp rootfs.tar /var/lib/rootfs.tar
	./banger -q system install --owner alice > /dev/null || fail install
	owner kernel import debian --deb /payload/kernel.deb || fail kernel
	owner image import debian-bookworm --kernel debian --tar /payload/rootfs.tar || fail image
	owner vm create --name keeper --memory 256M || fail keeper
	owner vm exec keeper -- sh -c 'echo kept > /root/mark; sync' || fail mark
	sync
	say ARMED install
	sleep 60
	;;
round)
	settled
	check_leftovers
	check_keeper "$3"
	for vm in $(owner vm list --json | jq -r '.[].name' | grep -v keeper); do
		owner vm delete --force "$vm" > /dev/null || fail "delete $vm"
	done
	for image in $(owner image list --json | jq -r '.[].name' | grep other); do
		owner image delete "$image" > /dev/null || fail "delete $image"
	done
	if [ "$2" = delete ]; then owner vm create --name doomed --memory 256M > /dev/null || fail doomed; fi
	say "ARMED $2"
	operation "$2" > /dev/null 2>&1
	say "ENDED $2"
	sleep 60
	;;
esac
