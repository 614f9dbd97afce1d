/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's checks, the installation's, and those that the daemon answers. */
#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "cli/ssh.h"
#include "store/installed.h"
#include "store/layout.h"

enum { AT_INSTALLED = DOCTOR_N_CHECKS, AT_DAEMON, AT_SSH = AT_DAEMON + DOCTOR_N_DAEMON, N_CHECKS, USER_CONFIG_MAX = 4 << 20 };

struct doctor {
	bool json, fix;
};

/* Only a convenience is missing without it. */
static MUST int check_ssh(const struct doctor_host *host, struct doctor_check *check, struct err *e)
{
	AUTO_MEM char *settings = layout_ssh_config(), *path = NULL, *old = NULL, *text = NULL;

	if (host->uid != geteuid()) {
		doctor_add(check, DOCTOR_PASS, "of its owner: banger doctor as '%s' looks", layout_installed()->owner);
		return 0;
	}
	if (!doctor_has_program("ssh")) {
		doctor_add(check, DOCTOR_WARN, "there is no ssh on PATH, so vm ssh does not work; vm exec needs none");
		doctor_add(check, DOCTOR_WARN, "install OpenSSH's client");
		return 0;
	}
	if (ssh_user_config(&path, e) < 0)
		return -1;
	if (fd_read_file(AT_FDCWD, path, USER_CONFIG_MAX, &old, NULL, e) < 0) {
		if (e->sys != ENOENT)
			return -1;
		err_clear(e);
	}
	text = ssh_user_config_text(old, settings, true);
	if (!text && access(settings, F_OK) == 0) {
		doctor_add(check, DOCTOR_PASS, "%s includes %s: ssh NAME.vm", path, settings);
		return 0;
	}
	doctor_add(check, DOCTOR_WARN, "%s does not include banger's settings, so ssh NAME.vm does not work; vm ssh does", path);
	doctor_add(check, DOCTOR_WARN, "banger ssh-config --install");
	return 0;
}

static void print(const struct doctor_check *checks, bool json)
{
	AUTO_DONE(str_done) struct str out = STR_INIT;
	struct json_writer w = { .out = &out, .pretty = true };

	if (json)
		json_open(&w, NULL, '[');
	for (size_t i = 0; i < N_CHECKS; i++) {
		if (json)
			doctor_write_json(&checks[i], &w);
		else
			doctor_write(&checks[i], &out);
	}
	if (json)
		json_close(&w);
	printf("%s%s", out.data, json ? "\n" : "");
}

static struct doctor_check *find_check(struct doctor_check checks[static DOCTOR_N_CHECKS], const char *name)
{
	size_t i = 0;

	while (i < DOCTOR_N_CHECKS - 1 && !str_eq(checks[i].name, name))
		i++;
	return &checks[i];
}

static int run(const void *in, void *cx)
{
	const struct doctor *o = in;
	AUTO(config_free) struct config *config = NULL;
	AUTO_MEM char *path = layout_config();
	struct doctor_check checks[N_CHECKS];
	struct err config_error = { 0 }, e = { 0 };
	struct doctor_host host = {
		.config_path = path, .state_dir = layout_dir(LAYOUT_STATE), .run_dir = layout_dir(LAYOUT_RUN), .config_error = &config_error,
		.uid = geteuid(), .gid = getegid(), .fix = o->fix
	};
	int status = 0;

	/* The other checks go on with the defaults. */
	if (config_load(layout_host_config(), path, layout_home(), &config, &config_error) < 0 && config_parse("", 0, path, NULL, &config, &e) < 0)
		return cli_fail(&e, 1);
	host.config = config;
	host.installed = layout_installed() != NULL;
	if (host.installed) {
		host.uid = (uint32_t)layout_installed()->uid;
		host.gid = (uint32_t)layout_installed()->gid;
		host.by_group = doctor_kvm_by_group();
	}
	if (host.installed && config_install(config, layout_installed()->bridge, layout_installed()->subnet, layout_installed()->firecracker, &e) < 0)
		return cli_fail(&e, 1);
	doctor_run(&host, checks);
	/* Before the daemon, whose service may have to be mended. */
	checks[AT_INSTALLED] = (struct doctor_check){ .name = "installation" };
	doctor_installed(&host, &checks[AT_INSTALLED]);
	doctor_daemon(cx, &host, find_check(checks, "kvm"), checks + AT_DAEMON);
	checks[AT_SSH] = (struct doctor_check){ .name = "ssh" };
	if (check_ssh(&host, &checks[AT_SSH], &e) < 0)
		doctor_add_error(&checks[AT_SSH], DOCTOR_WARN, &e);
	print(checks, o->json);
	for (size_t i = 0; i < N_CHECKS; i++) {
		if (checks[i].level == DOCTOR_FAIL)
			status = 1;
		doctor_check_done(&checks[i]);
	}
	return status;
}

static const struct opt opts[] = {
	CLI_JSON(struct doctor),
	{ 0, "fix", OPT_FLAG, offsetof(struct doctor, fix), NULL, "mend what can be mended without harm, and say what was done" },
	{ 0 },
};
const struct opt_command cli_doctor = {
	.name = "doctor",
	.brief = "what works here, what does not, and what to do",
	.about = "Checks this machine and what banger has on it. Each check is PASS, WARN (works, with less than there "
		 "could be) or FAIL; "
		 "the exit status is 1 when one is FAIL.",
	.opts = opts,
	.in_size = sizeof(struct doctor),
	.run = run,
};
