# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine, once for each boot of one and the same disk: "cuts.sh install", then "cuts.sh round OPERATION N EXPECTED..." until the power
# goes. Lines that begin with "CUT " are for test_cuts.py. EXPECTED is what operations that ended before a cut have promised:
#   vm=NAME, image=NAME  is there       no-vm=NAME  is gone       edited=N, disk=MIB  what the keeper has, or newer where "-N" stands for the cut one
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
dmesg -n 1

owner() {
	owner_reads "$@" < /dev/null
}

owner_reads() {
	timeout 120 setpriv --reuid alice --regid alice --init-groups --reset-env banger -q "$@"
}

say() {
	echo "CUT $*"
}

fail() {
	say "FAILED $*"
	journalctl -b -o cat -u bangerd -u bangerd-root | tail -20
	exit 1
}

# Whatever was under way is undone or ended when no operation is left. Leaves both lists in vms and images.
settled() {
	local end=$(($(date +%s) + 60))
	while vms=$(owner vm list --json) images=$(owner image list --json); jq -en --argjson v "$vms" --argjson i "$images" \
		'[$v[] | select(.state | test("ing$"))] + [$i[] | select(.state != "ready")] | length > 0' > /dev/null; do
		[ "$(date +%s)" -lt $end ] || fail "still in transit: $vms $images"
		sleep 0.2
	done
	[ -z "$(jq -r '.[] | select(.state == "error") | .name' <<< "$vms")" ] || fail "in error: $vms"
}

# Records that cannot be read, files without a record, and what belongs to VMs that do not run.
check_leftovers() {
	local f id
	journalctl -b -o cat -u bangerd | grep -i 'cannot be read\|record' && fail "a record is torn"
	jq -e .id /var/lib/banger/{vms,images,kernels}/*.json > /dev/null || fail "torn record"
	for f in /var/lib/banger/vms/* /var/lib/banger/images/* /var/lib/banger/kernels/*; do
		id=$(basename "$f" .json)
		case $f in
		*.json) ;;
		*) [ -f "$(dirname "$f")/$id.json" ] || fail "without a record: $f" ;;
		esac
	done
	[ ! -e /var/lib/banger/vms/*/root.store.edit ] || [ "$2" = edit ] || fail "an edit is left"
	ip -o link | grep -o 'tap-fc[^:]*' && fail "a tap is left"
	nft list ruleset | grep 'tap-fc\|172\.16\.0\.[0-9]* ' && fail "a rule is left"
	ps -eo comm= | grep -E '^(firecracker|qemu)' && fail "a VMM is left"
	find /run/banger/vms /run/banger-root/jail -mindepth 1 2> /dev/null | grep . && fail "a run folder or a jail is left"
	find /sys/fs/cgroup -mindepth 2 -type d -path '*banger-vms.service/*' | grep . && fail "a control group is left"
	grep banger /proc/self/mounts && fail "a mount is left"
	losetup -a | grep . && fail "a loop device is left"
}

# check_promised EXPECTED...
check_promised() {
	local promise value
	for promise; do
		value=${promise#*=}
		case $promise in
		vm=*) jq -e --arg n "$value" 'any(.[]; .name == $n)' <<< "$vms" ;;
		no-vm=*) jq -e --arg n "$value" 'all(.[]; .name != $n)' <<< "$vms" ;;
		image=*) jq -e --arg n "$value" 'any(.[]; .name == $n)' <<< "$images" ;;
		edited=* | disk=*) ;;
		esac > /dev/null || fail "promised: $promise, but $vms $images"
	done
}

# one_of VALUE A[-B]: VALUE is A or B
one_of() {
	[ "$1" = "${2%-*}" ] || [ "$1" = "${2#*-}" ]
}

# check_keeper running|either EXPECTED...
check_keeper() {
	local was=$1 state reason edited disk promise mark kib sum
	shift
	read -r state reason < <(owner vm show keeper --json | jq -r '"\(.state) \(.reason)"')
	[ "$state" = stopped ] || fail "keeper is $state: $reason"
	[ "$was" != running ] || [ "$reason" = "the host restarted" ] || fail "keeper is stopped for '$reason'"
	edited=$(owner vm read keeper /etc/edited) || fail "keeper's root cannot be read"
	[ "$edited" = 0 ] || [ "$edited" = "$(edited "${edited%% *}")" ] || fail "half an edit: '$edited'"
	disk=$(owner vm show keeper --json | jq .disk_mib)
	for promise; do
		case $promise in
		edited=*) one_of "${edited%% *}" "${promise#*=}" || fail "promised $promise, but '${edited%% *}'" ;;
		disk=*) one_of "$disk" "${promise#*=}" || fail "promised $promise, but '$disk'" ;;
		esac
	done
	owner vm start keeper > /dev/null || fail "keeper does not start"
	read -r mark kib sum < <(owner vm exec keeper -- sh -c 'cat /root/mark; df -k --output=size /root | tail -1; sha256sum < /etc/edited' | tr '\n' ' ')
	[ "$mark" = kept ] || fail "keeper has lost what it had flushed: '$mark'"
	[ "$kib" -gt $((disk * 900)) ] || fail "keeper's work disk has $kib KiB of $disk MiB"
	[ "$sum" = "$(echo "$edited" | sha256sum)" ] || fail "the guest sees another file than vm read does"
	say "VERIFIED $state: $reason; edit ${edited%% *}, $disk MiB"
}

# A file whose first word is N: 40 KiB, so that it takes pairs of several chunks.
edited() {
	seq -s " " "$1" $(($1 + 8000))
}

sweep() {
	local vm image
	vm=$(jq -r '.[].name | select(. != "keeper")' <<< "$vms")
	[ -z "$vm" ] || owner vm delete --force $vm > /dev/null || fail "delete $vm"
	for image in $(jq -r '.[].name | select(. != "debian-bookworm")' <<< "$images"); do
		owner image delete "$image" > /dev/null || fail "delete $image"
	done
}

# prepare OPERATION: what it needs before the power may go
prepare() {
	case $1 in
	start) owner vm create --name begin --memory 256M --no-start ;;
	delete) owner vm create --name doomed --memory 256M ;;
	edit | resize) owner vm stop keeper ;;
	esac > /dev/null || fail "prepare $1"
}

# operation OPERATION N
operation() {
	case $1 in
	create) owner vm create --name "new-$2" --memory 256M ;;
	start) owner vm start begin ;;
	stop) owner vm stop keeper ;;
	delete) owner vm delete --force doomed ;;
	import) owner image import "other-$2" --kernel debian --tar /var/lib/rootfs.tar ;;
	edit) edited "$2" > /tmp/edited && owner_reads vm write keeper /etc/edited < /tmp/edited ;;
	resize) owner vm set keeper --disk-size "$2M" ;;
	esac
}

case $1 in
install)
	cd /payload && chmod -R a+rX . && useradd -m alice && install -m 0755 firecracker /usr/local/bin/ || fail prepare
	cp rootfs.tar /var/lib/rootfs.tar
	./banger -q system install --owner alice > /dev/null || fail install
	owner kernel import debian --deb /payload/kernel.deb || fail kernel
	owner image import debian-bookworm --kernel debian --tar /payload/rootfs.tar || fail image
	owner vm create --name keeper --memory 256M --disk-size 64M || fail keeper
	owner vm exec keeper -- sh -c 'echo kept > /root/mark; echo 0 > /etc/edited; sync' || fail mark
	sync
	say ARMED install
	sleep 60
	;;
round)
	name=$2 number=$3 keeper=$4
	shift 4
	settled
	check_leftovers
	check_promised "$@"
	check_keeper "$keeper" "$@"
	sweep
	prepare "$name"
	say "ARMED $name"
	operation "$name" "$number" > /dev/null 2>&1
	say "ENDED $name $?"
	sleep 60
	;;
esac
