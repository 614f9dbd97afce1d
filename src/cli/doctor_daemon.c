/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon knows. */
#include <string.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/doctor.h"
#include "cli/services.h"
#include "store/layout.h"

enum { DAEMON_MS = 30000 }; /* for all that it is asked, the repair of networks included */

static MUST int check_daemon(
	struct cli *cli, const struct config *config, struct doctor_check *c, struct doctor_check *names, struct varlink_client **ret, struct err *e)
{
	AUTO_DONE(daemon_status_out_done) struct daemon_status_out status = { 0 };
	AUTO_MEM char *log = layout_log();

	if (client_connect(cli, ret, e) < 0)
		return -1;
	varlink_client_set_deadline(*ret, time_now_ms() + DAEMON_MS);
	if (call_daemon_status(*ret, NULL, &status, e) < 0)
		return -1;
	doctor_add(c, DOCTOR_PASS, "process %lld, version %s, at %s", (long long)status.pid, status.version,
		status.socket);
	if (!str_eq(status.build, build_id())) {
		AUTO_MEM char *other = services_other_build(status.version);

		doctor_add(c, DOCTOR_WARN, "%s", other);
	}
	if (layout_installed() && status.network)
		doctor_add(c, DOCTOR_PASS, "its helper can make networks");
	else if (layout_installed())
		doctor_add(c, DOCTOR_WARN, "its helper cannot make networks; its log says why: %s", log);
	if (status.confinement)
		doctor_add(c, layout_installed() && !status.limited ? DOCTOR_WARN : DOCTOR_PASS, "what holds VMs in: %s",
			status.confinement);
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

void doctor_daemon(struct cli *cli, const struct doctor_host *host, struct doctor_check *kvm, struct doctor_check ret[static DOCTOR_N_DAEMON])
{
	static const char *const names[DOCTOR_N_DAEMON] = { "daemon", "names", "guests' networks", "default image", "kernels" };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct err e = { 0 };

	for (size_t i = 0; i < DOCTOR_N_DAEMON; i++)
		ret[i] = (struct doctor_check){ .name = names[i] };
	if (check_daemon(cli, host->config, &ret[0], &ret[1], &c, &e) < 0) {
		doctor_add_error(&ret[0], DOCTOR_FAIL, &e);
		/* One that hangs hears no request to stop. */
		if (e.code == ERR_TIMEOUT) {
			AUTO_MEM char *how = services_end_daemon();

			doctor_add(&ret[0], DOCTOR_FAIL, "%s", how);
		}
		for (size_t i = 1; i < DOCTOR_N_DAEMON; i++)
			doctor_add(&ret[i], DOCTOR_WARN, "not known without the daemon");
		return;
	}
	if (doctor_guests(c, host, kvm, &ret[2], &e) < 0)
		doctor_add_error(&ret[2], DOCTOR_WARN, &e);
	err_clear(&e);
	if (check_image(c, host->config, &ret[3], &e) < 0)
		doctor_add_error(&ret[3], DOCTOR_FAIL, &e);
	err_clear(&e);
	if (check_kernels(c, &ret[4], &e) < 0)
		doctor_add_error(&ret[4], DOCTOR_FAIL, &e);
}
