/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/ssh.h"

enum { USER_CONFIG_MAX = 4 << 20 };

struct ssh_config {
	bool install, uninstall;
};

static MUST int read_user_config(const char *path, char **ret, struct err *e)
{
	if (fd_read_file(AT_FDCWD, path, USER_CONFIG_MAX, ret, NULL, e) == 0)
		return 0;
	if (e->sys != ENOENT)
		return -1;
	err_clear(e);
	return 0;
}

static MUST int change(const char *settings, bool include, struct err *e)
{
	AUTO_MEM char *path = NULL, *old = NULL, *text = NULL, *dir = NULL, *real = NULL;

	if (ssh_user_config(&path, e) < 0 || read_user_config(path, &old, e) < 0)
		return -1;
	text = ssh_user_config_text(old, settings, include);
	if (!text) {
		printf(include ? "%s includes it already\n" : "%s does not include it\n", path);
		return 0;
	}
	dir = path_dirname(path);
	real = realpath(path, NULL); /* it may be a link, which is to stay one */
	if (path_make_dirs(dir, 0700, e) < 0)
		return -1;
	/* What was made for the block only goes with it. */
	if (!*text ? path_remove(path, e) < 0 : path_write_atomic(real ? real : path, text, strlen(text), 0600, e) < 0)
		return -1;
	printf(include ? "%s includes it now: ssh NAME.vm\n" : "%s does not include it any more\n", path);
	return 0;
}

static MUST int show(const char *settings, struct err *e)
{
	AUTO_MEM char *path = NULL, *old = NULL, *text = NULL;

	if (ssh_user_config(&path, e) < 0 || read_user_config(path, &old, e) < 0)
		return -1;
	text = ssh_user_config_text(old, settings, true);
	printf("%s\nInclude \"%s\"\n", settings, settings);
	if (text)
		printf("  hint: banger ssh-config --install writes that line at the top of %s\n", path);
	else
		printf("  hint: %s has that line: ssh NAME.vm\n", path);
	return 0;
}

static int run(const void *in, void *cx)
{
	const struct ssh_config *o = in;
	AUTO_MEM char *settings = NULL;
	struct err e = { 0 };
	int rc;

	if (o->install && o->uninstall) {
		err_set(&e, ERR_INVALID, "--install and --uninstall exclude each other");
		return cli_fail(&e, 1);
	}
	if (o->uninstall)
		rc = change("", false, &e);
	else if (ssh_config_write(cx, &settings, &e) < 0)
		rc = -1;
	else
		rc = o->install ? change(settings, true, &e) : show(settings, &e);
	return rc < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = {
	{ 0, "install", OPT_FLAG, offsetof(struct ssh_config, install), NULL, "include the settings in ~/.ssh/config" },
	{ 0, "uninstall", OPT_FLAG, offsetof(struct ssh_config, uninstall), NULL, "take that out again, and nothing else" },
	{ 0 },
};
static const char *const examples[] = {
	"banger ssh-config               where the settings are, and the line that includes them",
	"banger ssh-config --install     from then on: ssh web.vm, scp file web.vm:, git push web.vm:repo",
	"banger ssh-config --uninstall",
	NULL,
};
const struct opt_command cli_ssh_config = {
	.name = "ssh-config",
	.brief = "make ssh, scp, rsync and git reach VMs as NAME.vm",
	.about = "Writes settings for OpenSSH's client: root, banger's own key, host keys that the guest told over vsock, and a way in that needs neither\n"
		 "DNS nor a network in the guest. They hold for the host names *.vm once ~/.ssh/config includes them.",
	.examples = examples,
	.opts = opts,
	.in_size = sizeof(struct ssh_config),
	.run = run,
};
