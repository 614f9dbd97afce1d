# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine, from test/bench/peer: imports and cold runs of banger and of the peer by turns. /out/times gets a line
# "WHAT WHO SECONDS" for each, /out/versions what took part; the first command that fails ends it, and its output is printed.
set -euo pipefail
cd /payload
dmesg -n 1
. ./settings # rounds, vcpu, memory (MiB)
export HOME=/root PATH=$PATH:/payload # Firecracker is found there
work=/var/tmp/peer
mkdir -p $work

# What one contender wrote is on the disk before the other begins.
timed() {
	local what=$1 who=$2 start
	shift 2
	sync
	start=$EPOCHREALTIME
	"$@" > $work/said 2>&1 < /dev/null || { echo "$who: $what failed with $?:"; cat $work/said; exit 1; }
	awk -v a="$start" -v b="$EPOCHREALTIME" -v n="$what $who" 'BEGIN { printf "%s %.3f\n", n, b - a }' | tee -a /out/times
}

# Its home as its installer lays it out.
peer_home() {
	export MSB_HOME=$1
	mkdir -p "$1/bin" "$1/lib"
	cp peer/bin/msb "$1/bin/" && cp peer/lib/libkrunfw.so.*.*.* "$1/lib/"
	chmod +x "$1/bin/msb"
	(cd "$1/lib" && ln -s libkrunfw.so.*.*.* libkrunfw.so.5 && ln -s libkrunfw.so.5 libkrunfw.so)
}

peer() {
	timeout -k 5 90 "$MSB_HOME/bin/msb" "$@"
}

banger() {
	timeout -k 5 90 ./banger "$@"
}

ours_home() {
	export BANGER_ROOT=$1
	mkdir -p "$1/config"
	echo 'vmm = "firecracker"' > "$1/config/config.toml"
}

# Each import is the first of an empty installation; the daemon's start is part of ours.
imports() {
	local i
	for i in $(seq "$rounds"); do
		peer_home $work/p$i
		timed import peer peer load --input image.tar
		ours_home $work/o$i
		timed import banger banger image import image --tar rootfs.tar
		banger daemon stop > /dev/null
		[ "$i" = "$rounds" ] || rm -rf $work/p$i $work/o$i
	done
}

# Its guest may hang; such a run is not timed but told of, and done again.
peer_run() {
	local tries
	for tries in 1 2 3; do
		if (timed run peer peer run --pull never --cpus "$vcpu" --memory "${memory}M" localhost/image:1 -- uname -a); then return; fi
		echo "the peer's run failed or hung, and was done again (try $tries)" | tee -a /out/versions
		pkill -KILL -x msb || true              # it may have ended by itself
	done
	return 1
}

# The kernel's own line, or the run did not do what it was asked.
guest_said() {
	local line
	line=$(grep -a '^Linux ' $work/said)
	[ "$i" != 1 ] || echo "$1's guest: $line" >> /out/versions
}

cold_runs() {
	local i
	banger kernel import kernel --deb kernel.deb > /dev/null 2>&1
	banger daemon stop > /dev/null
	for i in $(seq "$rounds"); do
		peer_run
		guest_said peer
		timed run banger banger vm run --rm --image image --kernel kernel --vcpu "$vcpu" --memory "${memory}M" -- uname -a
		guest_said banger
		banger daemon stop > /dev/null
	done
	if ps -eo comm= | grep -E '^(firecracker|banger|msb)'; then exit 1; fi
}

{
	echo "peer: $(peer/bin/msb --version)"
	echo "banger: $(./banger version | head -n 1)"
	echo "Firecracker: $(./firecracker --version | head -n 1)"
} > /out/versions
cat rootfs.tar image.tar kernel.deb > /dev/null # both are read from memory
imports
cold_runs
