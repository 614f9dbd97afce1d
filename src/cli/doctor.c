/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's checks, and those that the daemon answers. */
#include "doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/ssh.h"
#include "store/installed.h"
#include "store/layout.h"

enum { N_DAEMON_CHECKS = 4, N_CHECKS = DOCTOR_N_CHECKS + N_DAEMON_CHECKS + 1, USER_CONFIG_MAX = 4 << 20 };

struct doctor {
	bool json, fix;
};

static MUST int check_daemon(
	struct cli *cli, const struct config *config, struct doctor_check *c, struct doctor_check *names, struct varlink_client **ret, struct err *e)
{
	AUTO_DONE(daemon_status_out_done) struct daemon_status_out status = { 0 };

	if (client_connect(cli, ret, e) < 0 || call_daemon_status(*ret, NULL, &status, e) < 0)
		return -1;
	doctor_add(c, DOCTOR_PASS, "process %lld, version %s, at %s", (long long)status.pid, status.version,
		status.socket);
	if (!str_eq(status.build, build_id()))
		doctor_add(
			c, DOCTOR_WARN, "it is another build than this command; it is replaced once its jobs are done");
	if (layout_installed())
		doctor_add(c, status.network ? DOCTOR_PASS : DOCTOR_WARN, status.network ? "its helper can make networks" :
			"its helper cannot make networks: journalctl -u bangerd-root says why");
	if (!status.has_helper_pid)
		doctor_add(c, DOCTOR_WARN, "its helper does not run; the daemon's log says why");
	doctor_check_dns(status.dns, status.dns_reason, config->bridge_name, names);
	return 0;
}

static MUST int check_image(
	struct varlink_client *c, const struct config *config, struct doctor_check *check, struct err *e)
{
	AUTO_DONE(image_list_out_done) struct image_list_out list = { 0 };

	if (call_image_list(c, NULL, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < list.n_images; i++) {
		const struct image_info *image = &list.images[i];

		if (!str_eq(image->name, config->default_image_name))
			continue;
		if (image->state == IMAGE_STATE_READY)
			doctor_add(check, DOCTOR_PASS, "'%s' is there%s%s", image->name, image->os ? ": " : "",
				image->os ? image->os : "");
		else
			doctor_add(check, DOCTOR_WARN, "'%s' is %s", image->name, image_state_text(image->state));
		return 0;
	}
	doctor_add(check, DOCTOR_WARN, "there is no image '%s', so vm run needs --image", config->default_image_name);
	doctor_add(check, DOCTOR_WARN, "banger image import %s --tar FILE", config->default_image_name);
	return 0;
}

static MUST int check_kernels(struct varlink_client *c, struct doctor_check *check, struct err *e)
{
	AUTO_DONE(kernel_list_out_done) struct kernel_list_out list = { 0 };

	if (call_kernel_list(c, NULL, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < list.n_kernels && i < DOCTOR_MAX_DETAILS - 1; i++)
		doctor_add(check, DOCTOR_PASS, "%s: %s", list.kernels[i].name, list.kernels[i].release);
	if (!list.n_kernels)
		doctor_add(check, DOCTOR_WARN, "there is no kernel: banger kernel import NAME --deb FILE");
	return 0;
}

static void run_daemon_checks(
	struct cli *cli, const struct doctor_host *host, struct doctor_check ret[static N_DAEMON_CHECKS])
{
	static const char *const names[N_DAEMON_CHECKS] = { "daemon", "names", "default image", "kernels" };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct err e = { 0 };

	for (size_t i = 0; i < N_DAEMON_CHECKS; i++)
		ret[i] = (struct doctor_check){ .name = names[i] };
	if (check_daemon(cli, host->config, &ret[0], &ret[1], &c, &e) < 0) {
		doctor_add_error(&ret[0], DOCTOR_FAIL, &e);
		for (size_t i = 1; i < N_DAEMON_CHECKS; i++)
			doctor_add(&ret[i], DOCTOR_WARN, "not known without the daemon");
		return;
	}
	if (check_image(c, host->config, &ret[2], &e) < 0)
		doctor_add_error(&ret[2], DOCTOR_FAIL, &e);
	err_clear(&e);
	if (check_kernels(c, &ret[3], &e) < 0)
		doctor_add_error(&ret[3], DOCTOR_FAIL, &e);
}

/* Only a convenience is missing without it. */
static MUST int check_ssh(struct doctor_check *check, struct err *e)
{
	AUTO_MEM char *settings = layout_ssh_config(), *path = NULL, *old = NULL, *text = NULL;

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
	if (config_load(path, layout_home(), &config, &config_error) < 0 && config_parse("", 0, path, NULL, &config, &e) < 0)
		return cli_fail(&e, 1);
	host.config = config;
	host.installed = layout_installed() != NULL;
	if (host.installed) {
		host.uid = (uint32_t)layout_installed()->uid;
		host.gid = (uint32_t)layout_installed()->gid;
	}
	if (host.installed && config_install(config, layout_installed()->bridge, layout_installed()->subnet, layout_installed()->firecracker, &e) < 0)
		return cli_fail(&e, 1);
	doctor_run(&host, checks);
	run_daemon_checks(cx, &host, checks + DOCTOR_N_CHECKS);
	checks[N_CHECKS - 1] = (struct doctor_check){ .name = "ssh" };
	if (check_ssh(&checks[N_CHECKS - 1], &e) < 0)
		doctor_add_error(&checks[N_CHECKS - 1], DOCTOR_WARN, &e);
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
