/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "agent/agent.h"
#include "agent/configure.h"
#include "agent/files.h"
#include "agent/hello.h"
#include "agent/netconf.h"
#include "agent/say.h"
#include "agent/system.h"
#include "agent/vsock.h"
#include "base/auto.h"
#include "base/fd.h"
#include "init/cmdline.h"
#include "init/devices.h"
#include "init/identity.h"
#include "init/join.h"
#include "init/modules.h"
#include "init/mounts.h"
#include "init/pid1.h"
#include "init/power.h"
#include "init/switch.h"
#include "init/units.h"

#define NEW_ROOT "newroot"
#define CMDLINE_MAX 65536

enum { DISK_MS = 10000 };

static MUST int read_cmdline(struct cmdline *ret, struct err *e)
{
	AUTO_MEM char *text = NULL;

	if (fd_read_file(AT_FDCWD, "/proc/cmdline", CMDLINE_MAX, &text, NULL, e) < 0)
		return -1;
	return cmdline_parse(text, ret, e);
}

static MUST int wait_disks(int listen_fd, const struct cmdline *c, struct err *e)
{
	const char *const names[] = { c->root, c->base, c->store, c->work, c->modules };
	int64_t deadline = time_now_ms() + DISK_MS;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i] && devices_wait(listen_fd, names[i], deadline, e) < 0)
			return -1;
	return 0;
}

static MUST int mount_modules(int root_fd, const char *device, struct err *e)
{
	struct utsname u;
	char path[sizeof(u.release) + 16];

	uname(&u);
	snprintf(path, sizeof(path), "lib/modules/%s", u.release);
	return mounts_disk(root_fd, device, path, 0755, true, e);
}

static MUST int mount_disks(int initrd_fd, const struct cmdline *c, int *ret_root, struct err *e)
{
	char joined[JOIN_NAME_MAX];
	const char *root = c->root;

	if (c->store) {
		if (join_root(c->base, c->store, c->root_mib, c->chunk, joined, e) < 0)
			return -1;
		root = joined;
	}
	if (!root)
		return err_set(e, ERR_INVALID, "the kernel line names no root disk (banger.disks=)");
	if (mounts_disk(initrd_fd, root, NEW_ROOT, 0700, false, e) < 0)
		return -1;
	AUTO_FD int root_fd = open("/" NEW_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_sys(e, errno, "open '/" NEW_ROOT "'");
	if (c->work && mounts_disk(root_fd, c->work, "root", 0700, false, e) < 0)
		return -1;
	if (c->modules && mount_modules(root_fd, c->modules, e) < 0)
		return -1;
	*ret_root = TAKE_FD(root_fd);
	return 0;
}

/* From the initrd to the image's root with all disks in place. */
static MUST int enter_image(const struct cmdline *c, int uevents, struct err *e)
{
	AUTO_FD int initrd_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int root_fd = -1;

	if (initrd_fd < 0)
		return err_sys(e, errno, "open '/'");
	if (wait_disks(uevents, c, e) < 0 || mount_disks(initrd_fd, c, &root_fd, e) < 0 || mounts_move(root_fd, e) < 0)
		return -1;
	return switch_root("/" NEW_ROOT, e);
}

/* Who still has a shell in /root, or a module's index open, would make systemd's unmounting fail long before its end. */
static void tell_systemd(const struct cmdline *c)
{
	AUTO_MEM char *modules = NULL;
	struct utsname u;
	char path[sizeof(u.release) + 16];
	struct err e = { 0 };

	uname(&u);
	snprintf(path, sizeof(path), "/lib/modules/%s", u.release);
	modules = c->modules ? realpath(path, NULL) : NULL; /* /lib may be a link */
	if ((c->work && units_keep_mounted("/root", &e) < 0) || (modules && (units_keep_mounted(modules, &e) < 0 || units_spare_kmod(&e) < 0)))
		say_console("%s", e.msg);
}

/* The host is called once the agent's port listens: whoever is told that the guest is up may connect at once. */
static void greet(int *ret_listen_fd)
{
	struct guest_config config = { 0 };
	struct err e = { 0 };

	if (vsock_listen(VSOCK_PORT_AGENT, ret_listen_fd, &e) < 0 || hello_say(HELLO_MS, &config, &e) < 0) {
		say_console("no word from the host, the guest is not configured: %s", e.msg);
		return;
	}
	configure_guest(&config);
	identity_machine_id(config.machine_id);
	guest_config_done(&config);
	if (files_write(AGENT_CONFIGURED, "", 0600, &e) < 0)
		say_console("%s", e.msg);
}

static void execute(const char *init, char **argv) __attribute__((noreturn));
static void execute(const char *init, char **argv)
{
	char *copy = strdup(init);

	argv[0] = copy; /* what the kernel passed behind it is the init's */
	execv(init, argv);
	say_console("execute '%s': %m", init);
	power_reset("panic");
}

/* In the image's root. */
static void start_image(const struct cmdline *c, char **argv) __attribute__((noreturn));
static void start_image(const struct cmdline *c, char **argv)
{
	AUTO_FD int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e = { 0 };
	int listen_fd = -1;
	pid_t agent = 0;
	const char *init = switch_find_init(c->init);

	mounts_rest(root_fd);
	if (!init && mounts_cgroup(root_fd, &e) < 0) {
		say("%s", e.msg);
		err_clear(&e);
	}
	if (netconf_loopback(&e) < 0) {
		say_console("%s", e.msg);
		err_clear(&e);
	}
	if (init)
		tell_systemd(c);
	if (system_note_init(init, &e) < 0) {
		say_console("%s", e.msg);
		err_clear(&e);
	}
	greet(&listen_fd);
	if (system_kind() != SYSTEM_SYSTEMD)
		identity_host_keys();
	if (pid1_start_agent(listen_fd, &agent, &e) < 0)
		say_console("start the agent: %s", e.msg);
	say_console("agent started %lld ms after the kernel, then %s", (long long)hello_uptime_ms(), init ? init : "no init");
	if (init)
		execute(init, argv);
	pid1_stay(listen_fd, agent);
}

static MUST int boot(struct cmdline *ret_line, struct err *e)
{
	AUTO_FD int initrd_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int uevents = -1;
	struct err module = { 0 };
	struct statfs fs;

	if (initrd_fd < 0 || fstatfs(initrd_fd, &fs) < 0)
		return err_sys(e, errno, "open '/'");
	if (mounts_first(initrd_fd, e) < 0 || read_cmdline(ret_line, e) < 0)
		return -1;
	/* executed as the init of a kernel that mounted the root itself */
	if (fs.f_type != RAMFS_MAGIC && fs.f_type != TMPFS_MAGIC)
		return 0;
	if (devices_listen(&uevents, e) < 0)
		return -1;
	if (modules_load("/modules", &module) < 0)
		say_console("%s", module.msg);
	return enter_image(ret_line, uevents, e);
}

int init_main(int argc, char **argv)
{
	struct cmdline line = { 0 };
	struct err e = { 0 };

	if (getpid() != 1) {
		if (argc > 1)
			power_systemd_step(argv[1]);
		return 0;
	}
	if (boot(&line, &e) < 0) {
		say_console("the guest cannot start: %s", e.msg);
		power_reset("panic");
	}
	start_image(&line, argv);
}
