/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firecracker's command line and its one configuration (its docs/getting-started.md, src/firecracker/swagger). Every file reaches it as a descriptor,
 * which it opens anew by its name under /proc. */
#include "vmm/firecracker/firecracker.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/str.h"
#include "vmm/cmdline.h"
#include "vmm/firecracker/api.h"
#include "vmm/versions.h"

enum { CONSOLE_FD = 1, LOG_FD = 2 };

/* No keyboard controller worth a probe is there, but its reset line, which ends the VMM, is; the processor computes right. */
#define KERNEL_EXTRA "8250.nr_uarts=1 i8042.noaux i8042.nomux i8042.dumbkbd cryptomgr.notests"

static void put_fd(struct json_writer *w, const char *key, int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	json_put_string(w, key, path);
}

static void put_kernel(const struct vmm_spec *spec, struct vmm_command *c, struct json_writer *w)
{
	AUTO_DONE(str_done) struct str line = STR_INIT;

	vmm_cmdline(spec, KERNEL_EXTRA, &line);
	json_open(w, "boot-source", '{');
	put_fd(w, "kernel_image_path", vmm_command_inherit(c, spec->kernel_fd));
	put_fd(w, "initrd_path", vmm_command_inherit(c, spec->initrd_fd));
	json_put_string(w, "boot_args", line.data);
	json_close(w);
}

static void put_drives(const struct vmm_spec *spec, struct vmm_command *c, struct json_writer *w)
{
	json_open(w, "drives", '[');
	for (size_t i = 0; i < spec->n_drives; i++) {
		const struct vmm_drive *d = &spec->drives[i];
		json_open(w, NULL, '{');
		json_put_string(w, "drive_id", d->role);
		put_fd(w, "path_on_host", vmm_command_inherit(c, d->fd));
		json_put_bool(w, "is_root_device", false);
		json_put_bool(w, "is_read_only", d->read_only);
		/* Its default, Unsafe, drops the guest's flushes. */
		json_put_string(w, "cache_type", d->read_only || d->unsafe ? "Unsafe" : "Writeback");
		json_close(w);
	}
	json_close(w);
}

static void put_devices(const struct vmm_spec *spec, bool reporting, struct json_writer *w)
{
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", spec->mac[0], spec->mac[1], spec->mac[2], spec->mac[3], spec->mac[4], spec->mac[5]);
	json_open(w, "network-interfaces", '[');
	if (spec->net) {
		json_open(w, NULL, '{');
		json_put_string(w, "iface_id", "eth0");
		json_put_string(w, "host_dev_name", spec->tap_name);
		json_put_string(w, "guest_mac", mac);
		json_close(w);
	}
	json_close(w);
	json_open(w, "vsock", '{');
	json_put_int(w, "guest_cid", spec->cid);
	json_put_string(w, "uds_path", spec->vsock_path);
	json_close(w);
	json_open(w, "entropy", '{');
	json_close(w);
	json_open(w, "balloon", '{');
	json_put_int(w, "amount_mib", 0);
	json_put_bool(w, "deflate_on_oom", true);
	if (reporting)
		json_put_bool(w, "free_page_reporting", true);
	json_close(w);
}

static MUST int put_config(const struct vmm_spec *spec, bool reporting, struct vmm_command *c, int *ret_fd, struct err *e)
{
	AUTO_DONE(str_done) struct str text = STR_INIT;
	struct json_writer w = { .out = &text };

	json_open(&w, NULL, '{');
	put_kernel(spec, c, &w);
	put_drives(spec, c, &w);
	json_open(&w, "machine-config", '{');
	json_put_int(&w, "vcpu_count", spec->vcpus);
	json_put_int(&w, "mem_size_mib", spec->memory_mib);
	json_close(&w);
	put_devices(spec, reporting, &w);
	json_close(&w);
	return vmm_command_text(c, "firecracker.json", &text, ret_fd, e);
}

/* Asked once for each file: a launch is not to wait for it. */
static MUST int version_of(const char *bin, struct vmm_version *ret, struct err *e)
{
	static struct stat known;
	static struct vmm_version version;
	struct stat st;

	if (stat(bin, &st) < 0)
		return err_sys(e, errno, "'%s'", bin);
	if (st.st_ino != known.st_ino || st.st_dev != known.st_dev || st.st_size != known.st_size || st.st_mtim.tv_sec != known.st_mtim.tv_sec ||
	    st.st_mtim.tv_nsec != known.st_mtim.tv_nsec) {
		if (vmm_version_ask(bin, &version, e) < 0)
			return -1;
		known = st;
	}
	*ret = version;
	return 0;
}

static MUST int firecracker_build(const struct vmm_spec *spec, const char *bin, struct vmm_command *ret, struct err *e)
{
	struct vmm_version version;
	int config;

	if (*bin)
		ret->path = mem_strdup(bin);
	else if (vmm_find_program("firecracker", &ret->path, e) < 0)
		return err_hint(e, "put a firecracker binary on PATH, or set firecracker_bin");
	if (version_of(ret->path, &version, e) < 0 || put_config(spec, vmm_version_has_reporting(version), ret, &config, e) < 0)
		return -1;
	vmm_command_add(ret, "firecracker");
	vmm_command_add(ret, "--id");
	vmm_command_add(ret, "banger-%s", spec->id);
	vmm_command_add(ret, "--api-sock");
	vmm_command_add(ret, "%s", spec->api_path);
	vmm_command_add(ret, "--config-file");
	vmm_command_add(ret, "/proc/self/fd/%d", config);
	/* What it logs stands between the guest's lines: a log file of its own would be written from the start again, not appended to. */
	vmm_command_add(ret, "--level");
	vmm_command_add(ret, "Error");
	vmm_command_inherit_as(ret, spec->console_fd, CONSOLE_FD);
	vmm_command_inherit_as(ret, spec->log_fd, LOG_FD);
	return 0;
}

const struct vmm_driver vmm_firecracker = {
	.name = "firecracker",
	.build = firecracker_build,
	.query = firecracker_api_query,
	.pause = firecracker_api_pause,
	.resume = firecracker_api_resume,
};
