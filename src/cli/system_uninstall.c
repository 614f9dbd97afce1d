/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "cli/client.h"
#include "install/install.h"
#include "store/layout.h"

enum { STOP_MS = 120000 };

struct system_uninstall {
	bool purge, yes, force;
};

static MUST int check(struct err *e)
{
	if (geteuid() != 0) {
		err_set(e, ERR_DENIED, "banger system uninstall removes files of root, so it needs root");
		return err_hint(e, "the same with sudo in front");
	}
	for (size_t i = 0; install_paths[i]; i++)
		if (access(install_paths[i], F_OK) == 0)
			return 0;
	return err_set(e, ERR_NOT_FOUND, "banger is not installed on this host");
}

static MUST int ask(const char *what, struct err *e)
{
	char answer[16];

	if (!isatty(STDIN_FILENO)) {
		err_set(e, ERR_INVALID, "%s", what);
		return err_hint(e, "--yes says that you mean it");
	}
	fprintf(stderr, "%s. Go on? [y/N] ", what);
	if (fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y'))
		return 0;
	return err_set(e, ERR_CANCELLED, "left as it is");
}

static MUST int stop_vm(struct varlink_client *c, struct vm_info *vm, struct err *e)
{
	struct vm_stop_in in = { .vm = vm->name };

	fprintf(stderr, "stopping '%s'\n", vm->name);
	varlink_client_set_deadline(c, time_now_ms() + STOP_MS);
	return call_vm_stop(c, &in, NULL, e);
}

/* Nobody could end a VM any more once its daemon is gone. */
static MUST int end_vms(bool force, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_DONE(vm_list_out_done) struct vm_list_out list = { 0 };
	AUTO_DONE(str_done) struct str names = STR_INIT;
	size_t n = 0;

	if (layout_init_system(e) < 0 || client_connect_running(&c, e) < 0 || call_vm_list(c, NULL, &list, e) < 0) {
		if (force) {
			err_clear(e);
			return 0;
		}
		err_wrap(e, "ask the daemon whether VMs run");
		return err_hint(e, "--force goes on without an answer; VMs that run then stay until they are killed");
	}
	for (size_t i = 0; i < list.n_vms; i++) {
		if (list.vms[i].state != VM_STATE_RUNNING && list.vms[i].state != VM_STATE_PAUSED)
			continue;
		if (force && stop_vm(c, &list.vms[i], e) < 0)
			return -1;
		str_addf(&names, "%s%s", n++ ? ", " : "", list.vms[i].name);
	}
	if (!n || force)
		return 0;
	err_set(e, ERR_BUSY, "VMs run: %.200s", names.data);
	return err_hint(e, "banger vm stop ends them, or --force stops all of them first");
}

static MUST int uninstall(const struct system_uninstall *o, struct err *e)
{
	if (check(e) < 0)
		return -1;
	if (o->purge && !o->yes && ask("--purge deletes every VM, image, kernel and key in " LAYOUT_SYSTEM_STATE, e) < 0)
		return -1;
	return end_vms(o->force, e) < 0 ? -1 : install_remove(o->purge, e);
}

static int run(const void *in, void *cx)
{
	const struct system_uninstall *o = in;
	const struct installed *i;
	struct err e = { 0 };

	if (uninstall(o, &e) < 0)
		return cli_fail(&e, 1);
	i = layout_installed();
	printf("removed; %s\n", o->purge ? "the owner's configuration stays" :
		"VMs, images and kernels stay in " LAYOUT_SYSTEM_STATE);
	if (i && i->no_service)
		printf("bangerd and bangerd-root are yet to be stopped, and taken out of this host's service manager\n");
	return 0;
}

static const struct opt opts[] = {
	{ 0, "purge", OPT_FLAG, offsetof(struct system_uninstall, purge), NULL, "also every VM, image and kernel" },
	{ 'y', "yes", OPT_FLAG, offsetof(struct system_uninstall, yes), NULL, "do not ask" },
	{ 'f', "force", OPT_FLAG, offsetof(struct system_uninstall, force), NULL, "stop VMs that run, instead of refusing" },
	{ 0 },
};
static const char *const examples[] = { "sudo banger system uninstall", "sudo banger system uninstall --purge --yes", NULL };
const struct opt_command cli_system_uninstall = {
	.name = "uninstall",
	.brief = "remove what system install has put here",
	.about = "Removes services and files of an installation; VMs, images and kernels stay unless --purge is given, so that a later installation "
		 "finds them. Refuses while VMs run, unless --force stops them first.",
	.examples = examples,
	.opts = opts,
	.in_size = sizeof(struct system_uninstall),
	.run = run,
};
