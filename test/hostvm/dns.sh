# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine: names of VMs through systemd-resolved. What a case printed is left in /out/CASE.out, its status in CASE.status.
cd /payload || exit 1
export PATH=$PATH:/payload BANGER_ROOT=/var/tmp/dns
mkdir -p /out "$BANGER_ROOT/config"
ln -sf "$PWD/banger" /usr/local/bin/banger

case_() {
	local name=$1
	shift
	timeout 120 "$@" > "/out/$name.out" 2> "/out/$name.err" < /dev/null
	echo $? > "/out/$name.status"
	echo "$name: status $(cat "/out/$name.status")"
}

# resolved is told without waiting for its answer.
told() {
	timeout 30 bash -c 'until resolvectl domain br-fc | grep -qw "~vm"; do sleep 0.1; done'
	resolvectl domain br-fc
}

lost() {
	systemctl stop systemd-resolved
	rm -rf /run/systemd/resolve/netif
	systemctl start systemd-resolved
	told
}

helper_killed() {
	local helper
	helper=$(banger daemon status --json | jq .helper_pid)
	resolvectl revert br-fc && kill -9 "$helper" && told
}

off_and_on() {
	echo 'dns_listen = ""' > "$BANGER_ROOT/config/config.toml"
	banger daemon reload > /dev/null
	timeout 30 bash -c 'while resolvectl domain br-fc | grep -qw "~vm"; do sleep 0.1; done' || return
	echo 'dns_listen = "127.0.0.9:5300"' > "$BANGER_ROOT/config/config.toml"
	banger daemon reload > /dev/null
	told > /dev/null
	resolvectl dns br-fc
	rm "$BANGER_ROOT/config/config.toml"
	banger daemon reload > /dev/null
}

export -f told lost helper_killed off_and_on
dmesg -n 1
case_ before sha256sum /etc/resolv.conf
case_ kernel banger kernel import debian --deb kernel.deb
case_ image banger image import debian --kernel debian --tar rootfs.tar
case_ doctor_idle banger doctor --json
case_ create banger vm create --name box --image debian
case_ show banger vm show box --json
address=$(jq -r .address /out/show.out)
case_ told bash -c told
case_ status resolvectl status br-fc
case_ query resolvectl query box.vm
case_ query_reverse resolvectl query "$address"
case_ getent getent hosts box.vm
case_ getent_reverse getent hosts "$address"
case_ nobody getent hosts nobody.vm
case_ dig dig +short @127.0.0.53 box.vm
case_ doctor banger doctor --json
case_ lost bash -c lost
case_ lost_query getent hosts box.vm
case_ helper_killed bash -c helper_killed
case_ off_and_on bash -c off_and_on
case_ again bash -c told
case_ daemon_stop banger daemon stop
case_ stopped timeout 30 bash -c 'while resolvectl domain br-fc | grep -w "~vm"; do sleep 0.1; done'
case_ daemon_start banger vm list
case_ started bash -c told
case_ delete banger vm delete --force box
case_ end resolvectl domain
case_ after sha256sum /etc/resolv.conf
banger daemon stop
cp "$BANGER_ROOT/state/bangerd.log" /out/log.out
exit 0
