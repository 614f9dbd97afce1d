/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "cli/cli_internal.h"
#include "cli/system.h"
#include "install/install.h"
#include "store/layout.h"

struct system_install {
	const char *owner, *bridge, *subnet, *firecracker;
	bool no_service;
};

size_t system_texts(struct str *man, struct install_text ret[static INSTALL_EXTRA_MAX])
{
	size_t n = 0;

	man_page(man);
	ret[n++] = (struct install_text){ LAYOUT_SHARE "/bash-completion/completions/banger", completion_script("bash") };
	ret[n++] = (struct install_text){ LAYOUT_SHARE "/zsh/site-functions/_banger", completion_script("zsh") };
	ret[n++] = (struct install_text){ LAYOUT_SHARE "/fish/vendor_completions.d/banger.fish", completion_script("fish") };
	ret[n++] = (struct install_text){ LAYOUT_SHARE "/man/man1/banger.1", man->data };
	return n;
}

static MUST int install(const struct cli *cli, const struct system_install *o, struct err *e)
{
	AUTO_DONE(str_done) struct str man = STR_INIT;
	struct install_want want = { .owner = o->owner, .bridge = o->bridge, .subnet = o->subnet, .firecracker = o->firecracker,
		.no_service = o->no_service, .warn = cli_warn };

	if (!o->owner)
		return err_set(e, ERR_INVALID, "whose banger shall it be? --owner USER is missing");
	want.n_extra = system_texts(&man, want.extra);
	if (!cli->quiet)
		fprintf(stderr, "installing for '%s'\n", o->owner);
	return install_run(&want, e);
}

static int run(const void *in, void *cx)
{
	const struct system_install *o = in;
	const struct cli *cli = cx;
	struct err e = { 0 };
	int status = 0;

	if (install(cli, o, &e) < 0)
		return cli_fail(&e, 1);
	if (o->no_service) {
		printf("installed; this host's service manager is to run as root: bangerd-root --system, then as '%s': bangerd --system; docs/system.md shows how\n",
			o->owner);
		return 0;
	}
	fflush(stdout);
	if (install_doctor(&status, &e) < 0)
		return cli_fail(&e, 1);
	printf("installed for '%s', who needs no sudo from now on: banger vm run\n", o->owner);
	return status;
}

static const struct opt opts[] = {
	{ 0, "owner", OPT_STRING, offsetof(struct system_install, owner), "USER", "whose VMs they are; the one user who may use banger here" },
	{ 0, "bridge", OPT_STRING, offsetof(struct system_install, bridge), "NAME", "br-fc, or br-fc-SOMETHING" },
	{ 0, "subnet", OPT_STRING, offsetof(struct system_install, subnet), "ADDRESS/N", "the host's address on the bridge; 172.16.0.1/24" },
	{ 0, "firecracker", OPT_STRING, offsetof(struct system_install, firecracker), "FILE", "root's Firecracker; else the one on PATH",
		.words = OPT_WORDS_FILE },
	{ 0, "no-service", OPT_FLAG, offsetof(struct system_install, no_service), NULL, "no systemd units; another service manager runs it" },
	{ 0 },
};
static const char *const examples[] = {
	"sudo banger system install --owner alice",
	"sudo banger system install --owner alice --firecracker /opt/firecracker/firecracker",
	NULL,
};
const struct opt_command cli_system_install = {
	.name = "install",
	.brief = "install or repair banger as a service, for one owner",
	.about = "Copies this program to " LAYOUT_BIN ", writes " LAYOUT_INSTALL ", units, completions and the manual page, starts the services and "
		 "runs doctor. All is checked first; a failure leaves all as it was. Running VMs go on, also when another version is installed.",
	.examples = examples,
	.opts = opts,
	.in_size = sizeof(struct system_install),
	.run = run,
};
