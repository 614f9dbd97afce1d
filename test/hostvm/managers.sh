# SPDX-License-Identifier: GPL-2.0-or-later
# Runs inside the host machine: an installation without units, under the service managers that docs/system.md shows, with its very text (etc/ in the payload).
# Neither manager is PID 1 here, and neither has to be. What a case printed is left in /out/managers/CASE.out and CASE.err, its status in CASE.status;
# test_managers.py asserts.
out=/out/managers
. /payload/host.sh

# A command that finds no systemd running.
bare() {
	timeout 60 unshare -m sh -c 'mount -t tmpfs none /run/systemd && exec "$@"' sh "$@"
}

# The process that a manager keeps running.
kept_by_runit() {
	cat /etc/sv/"$1"/supervise/pid
}

kept_by_openrc() {
	pgrep -P "$(cat /run/supervise-"$1".pid)"
}

both_up() {
	timeout 60 sh -c 'until banger system status > /dev/null; do sleep 0.2; done'
}

# Debian's /etc/service has links to other services.
export SVDIR=/run/sv

runit_begin() {
	local name
	mkdir $SVDIR || return
	for name in bangerd-root bangerd; do
		install -D -m 0755 etc/sv/$name/run /etc/sv/$name/run && ln -s /etc/sv/$name $SVDIR/$name || return
	done
	setsid runsvdir -P $SVDIR > $out/runsvdir.log 2>&1 &
	echo $! > /run/runsvdir.pid
	both_up
}

# runsvdir ends all that it keeps when it is told to hang up.
runit_end() {
	kill -HUP "$(cat /run/runsvdir.pid)" && tail --pid="$(cat /run/runsvdir.pid)" -f /dev/null
	rm -r $SVDIR /run/runsvdir.pid /etc/sv/bangerd /etc/sv/bangerd-root
	! pgrep -l bangerd
}

runit_do() {
	sv -w 30 "$1" "$2"
}

# The folders are those that its own first steps at boot make.
openrc_begin() {
	mkdir -p /run/openrc/{daemons,exclusive,failed,hotplugged,inactive,options,scheduled,started,starting,stopping,tmp,wasinactive} || return
	echo default > /run/openrc/softlevel
	install -m 0755 etc/init.d/bangerd-root etc/init.d/bangerd /etc/init.d/ && rc-update add bangerd default && rc-service bangerd start && both_up
}

openrc_end() {
	rc-service bangerd stop && rc-service bangerd-root stop
	rc-update delete bangerd default
	rm -r /etc/init.d/bangerd /etc/init.d/bangerd-root /run/openrc
	! pgrep -l bangerd
}

openrc_do() {
	rc-service "$2" "$1"
}

# kill -9 of one service: the manager starts another one.
heals() {
	local manager=$1 name=$2 was
	was=$(kept_by_"$manager" "$name") && kill -9 "$was" && tail --pid="$was" -f /dev/null && both_up && [ "$(kept_by_"$manager" "$name")" != "$was" ]
}

begins_anew() {
	local manager=$1 name=$2 was
	was=$(kept_by_"$manager" "$name") && "$manager"_do restart "$name" && both_up && [ "$(kept_by_"$manager" "$name")" != "$was" ]
}

# Both services stop, and nothing of them stays but the VMs.
stops() {
	local manager=$1
	"$manager"_do stop bangerd && "$manager"_do stop bangerd-root && ! pgrep -l bangerd && pgrep -x firecracker || return
	"$manager"_do start bangerd-root && "$manager"_do start bangerd && both_up
}

to_openrc() {
	runit_end && openrc_begin
}

# Groups of the daemon, and the one of /dev/kvm.
groups_of_daemon() {
	grep ^Groups: /proc/"$(kept_by_"$1" bangerd)"/status && echo "Kvm: $(stat -c %g /dev/kvm)"
}

# Another build is installed while the old one runs. What needs bangerd-root is restarted with it.
upgrade() {
	bare ./banger-2 system install --owner alice --no-service && owner vm list && openrc_do restart bangerd-root && both_up
}

managed() {
	local manager=$1
	case_ "$manager"_status bare banger system status --json
	case_ "$manager"_groups groups_of_daemon "$manager"
	case_ "$manager"_limits vmm_limits
	case_ "$manager"_doctor owner doctor --json
	case_ "$manager"_kill_helper survives heals "$manager" bangerd-root
	case_ "$manager"_kill_daemon survives heals "$manager" bangerd
	case_ "$manager"_restart_helper survives begins_anew "$manager" bangerd-root
	case_ "$manager"_restart_daemon survives begins_anew "$manager" bangerd
	case_ "$manager"_stop survives stops "$manager"
}

# One that takes connections and does not answer.
hangs() {
	local pid status
	pid=$(kept_by_runit bangerd)
	kill -STOP "$pid"
	owner doctor --json
	status=$?
	kill -CONT "$pid"
	return $status
}

without_helper() {
	runit_do stop bangerd-root > /dev/null
	owner doctor --json
	local status=$?
	runit_do start bangerd-root > /dev/null
	return $status
}

useradd -m bob
usermod -aG kvm alice
tree > $out/tree.before
case_ no_systemd bare ./banger system install --owner alice
case_ install bare ./banger system install --owner alice --no-service
case_ with_units ./banger system install --owner alice
case_ units ls /etc/systemd/system /etc/tmpfiles.d
case_ down_list owner vm list
case_ down_doctor owner doctor --json
case_ down_status bare banger system status
case_ restart bare banger system restart
case_ helper_by_alice as alice bangerd-root --system
case_ daemon_by_bob as bob bangerd --system
case_ daemon_first as alice bangerd --system

case_ runit_begin runit_begin
case_ stock stock
case_ runit_run owner vm run --rm -- uname -r
case_ create owner vm create --name box --nat
case_ show owner vm show box --json
managed runit
case_ log owner daemon status
case_ hangs hangs
case_ without_helper without_helper

case_ to_openrc survives to_openrc
managed openrc
make_other_build
case_ upgrade survives upgrade
case_ upgraded owner daemon status --json
case_ openrc_log cat /var/log/bangerd-root.log /var/log/bangerd.log
case_ refuses_to_go bare banger system uninstall
case_ delete owner vm delete --force box
case_ openrc_run owner vm run --rm -- uname -r
case_ uninstall bare banger system uninstall --purge --yes
case_ openrc_end openrc_end
tree > $out/tree.after
diff $out/tree.before $out/tree.after
