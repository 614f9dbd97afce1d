/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/toml.h"
#include "config/config_internal.h"
#include "config/host.h"

static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const vmms[] = { "auto", "firecracker", "qemu", NULL };

#define AT(member) offsetof(struct config, member)
static const struct config_key_row keys[CONFIG_KEY_COUNT] = {
	[CONFIG_LOG_LEVEL] = { NULL, "log_level", TEXT, AT(log_level), .choices = levels },
	[CONFIG_VMM] = { NULL, "vmm", TEXT, AT(vmm), .choices = vmms },
	[CONFIG_FIRECRACKER_BIN] = { NULL, "firecracker_bin", PATH, AT(firecracker_bin), .at_start = true },
	[CONFIG_QEMU_BIN] = { NULL, "qemu_bin", PATH, AT(qemu_bin) },
	[CONFIG_JAILER_ENABLED] = { NULL, "jailer_enabled", FLAG, AT(jailer_enabled), .at_start = true },
	[CONFIG_JAILER_BIN] = { NULL, "jailer_bin", PATH, AT(jailer_bin), .notice = "banger has a jail of its own" },
	[CONFIG_JAILER_CHROOT_BASE] = { NULL, "jailer_chroot_base", PATH, AT(jailer_chroot_base), .at_start = true },
	[CONFIG_SSH_KEY_PATH] = { NULL, "ssh_key_path", PATH, AT(ssh_key_path) },
	[CONFIG_DEFAULT_IMAGE_NAME] = { NULL, "default_image_name", TEXT, AT(default_image_name) },
	[CONFIG_DEFAULT_KERNEL] = { NULL, "default_kernel", TEXT, AT(default_kernel) },
	[CONFIG_BRIDGE_NAME] = { NULL, "bridge_name", TEXT, AT(bridge_name), .check = config_check_bridge, .at_start = true },
	[CONFIG_BRIDGE_IP] = { NULL, "bridge_ip", TEXT, AT(bridge_ip), .check = config_check_ipv4, .at_start = true },
	[CONFIG_CIDR] = { NULL, "cidr", PREFIX, AT(cidr), 8, 30, .at_start = true },
	[CONFIG_TAP_POOL_SIZE] = { NULL, "tap_pool_size", NUMBER, AT(tap_pool_size), INT64_MIN, 256,
		.notice = "taps are made when they are needed" },
	[CONFIG_DEFAULT_DNS] = { NULL, "default_dns", DNS, AT(default_dns) },
	[CONFIG_DNS_LISTEN] = { NULL, "dns_listen", TEXT, AT(dns_listen), .check = config_check_dns_listen, .may_be_empty = true },
	[CONFIG_READY_TIMEOUT] = { NULL, "ready_timeout", NUMBER, AT(ready_timeout), 1, 86400 },
	[CONFIG_AUTO_STOP_STALE_AFTER] = { NULL, "auto_stop_stale_after", DURATION, AT(auto_stop_ms), 0, INT64_MAX },
	[CONFIG_METRICS_LISTEN] = { NULL, "metrics_listen", TEXT, AT(metrics_listen), .check = config_check_listen },
	[CONFIG_STATS_POLL_INTERVAL] = { NULL, "stats_poll_interval", DURATION, AT(poll_ms[0]), 0, INT64_MAX,
		.notice = "figures are read when somebody asks" },
	[CONFIG_METRICS_POLL_INTERVAL] = { NULL, "metrics_poll_interval", DURATION, AT(poll_ms[1]), 0, INT64_MAX,
		.notice = "figures are read when somebody asks" },
	[CONFIG_GIT_IDENTITY] = { NULL, "git_identity", FLAG, AT(git_identity) },
	[CONFIG_FILE_SYNC] = { NULL, "file_sync", SYNC, AT(sync) },
	[CONFIG_VCPU] = { "vm_defaults", "vcpu", NUMBER, AT(vcpus), 1, 32 },
	[CONFIG_MEMORY_MIB] = { "vm_defaults", "memory_mib", NUMBER, AT(memory_mib), 64, 1 << 20 },
	[CONFIG_DISK_SIZE] = { "vm_defaults", "disk_size", SIZE, AT(disk_mib), 16, 16 << 20 },
	[CONFIG_SYSTEM_OVERLAY_SIZE] = { "vm_defaults", "system_overlay_size", SIZE, AT(root_mib), 16, 16 << 20 },
	[CONFIG_ROOT_CHUNK_KIB] = { "vm_defaults", "root_chunk_kib", NUMBER, AT(root_chunk_kib), 4, 1024, .check_number = config_check_power_of_two },
};

static void add_notice(struct config *c, const struct toml *doc, const struct toml_value *v, const char *why)
{
	int line, column;

	if (c->n_notices == CONFIG_MAX_NOTICES)
		return;
	toml_position(doc, v->at, &line, &column);
	c->notices[c->n_notices++] = mem_printf(
		"%s:%d:%d: '%s' has no effect: %s", doc->file, line, column, v->key, why);
}

static int unknown_key(const struct toml *doc, const struct toml_value *v, const char *table, struct err *e)
{
	const char *names[CONFIG_KEY_COUNT + 2];
	const char *near;
	size_t n = 0;

	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
		if (str_eq(keys[i].table, table))
			names[n++] = keys[i].name;
	if (!table)
		names[n++] = "vm_defaults";
	names[n] = NULL;
	near = opt_nearest(v->key, names);
	toml_err(doc, v, e, "unknown key '%s%s%s'", table ? table : "", table ? "." : "", v->key);
	return near ? err_hint(e, "did you mean '%s'?", near) : err_hint(e, "docs/config.md lists the keys");
}

static MUST int read_table(const struct toml *doc, const struct toml_value *t, const char *table, const char *home,
	enum config_source source, struct config *c, struct err *e)
{
	for (size_t i = 0; i < t->list.n; i++) {
		const struct toml_value *v = t->list.items[i];
		struct config_cursor at = { doc, v, v->key, home };
		size_t k = 0;

		while (k < CONFIG_KEY_COUNT && (!str_eq(keys[k].table, table) || !str_eq(keys[k].name, v->key)))
			k++;
		if (k < CONFIG_KEY_COUNT) {
			if (config_read_key(&at, &keys[k], c, e) < 0)
				return -1;
			c->source[k] = source;
			if (keys[k].notice)
				add_notice(c, doc, v, keys[k].notice);
			continue;
		}
		if (!table && str_eq(v->key, "vm_defaults")) {
			if (v->kind != TOML_TABLE)
				return config_wrong(&at, e, "a table");
			if (read_table(doc, v, "vm_defaults", home, source, c, e) < 0)
				return -1;
			continue;
		}
		return unknown_key(doc, v, table, e);
	}
	return 0;
}

static void take_host(struct config *c, enum config_key key, int64_t *into, int64_t value)
{
	if (value <= 0)
		return;
	*into = value;
	c->source[key] = CONFIG_AUTO;
}

/* systemd-resolved keeps its upstream servers beside the stub that resolv.conf names. */
static void take_host_dns(struct config *c)
{
	static const char *const files[] = { "/run/systemd/resolve/resolv.conf", "/etc/resolv.conf" };

	for (size_t i = 0; i < ARRAY_LEN(files) && !c->n_default_dns; i++) {
		AUTO_MEM char *text = NULL;
		struct err ignored = { 0 };
		size_t n;

		/* Without such a file the built-in server stands. */
		if (fd_read_file(AT_FDCWD, files[i], 64 * 1024, &text, &n, &ignored) == 0)
			c->n_default_dns = config_host_dns(text, c->default_dns);
	}
	if (c->n_default_dns) {
		c->source[CONFIG_DEFAULT_DNS] = CONFIG_AUTO;
		return;
	}
	c->default_dns[0] = mem_strdup("1.1.1.1");
	c->n_default_dns = 1;
}

static struct config *defaults(void)
{
	struct config *c = NEW(struct config);

	c->log_level = mem_strdup("info");
	c->vmm = mem_strdup("auto");
	c->jailer_enabled = true;
	c->default_image_name = mem_strdup("debian-bookworm");
	c->bridge_name = mem_strdup("br-fc");
	c->bridge_ip = mem_strdup("172.16.0.1");
	c->cidr = 24;
	c->dns_listen = mem_strdup("127.0.0.1:42069");
	c->ready_timeout = 180;
	c->git_identity = true;
	c->vcpus = 2;
	c->memory_mib = 1024;
	c->disk_mib = 8192;
	c->root_mib = 8192;
	c->root_chunk_kib = 4;
	take_host(c, CONFIG_VCPU, &c->vcpus, config_host_vcpus());
	take_host(c, CONFIG_MEMORY_MIB, &c->memory_mib, config_host_memory_mib());
	take_host_dns(c);
	return c;
}

static void value_text(const struct config *c, const struct config_key_row *k, struct str *out)
{
	const void *at = (const char *)c + k->at;
	char size[16], duration[32];

	switch (k->kind) {
	case TEXT:
	case PATH:
		str_add(out, *(char *const *)at ? *(char *const *)at : "");
		break;
	case FLAG:
		str_add(out, *(const bool *)at ? "true" : "false");
		break;
	case NUMBER:
	case PREFIX:
		str_addf(out, "%" PRId64, *(const int64_t *)at);
		break;
	case SIZE:
		str_add(out, str_bytes((uint64_t)(*(const int64_t *)at) << 20, size));
		break;
	case DURATION:
		str_add(out, str_duration(*(const int64_t *)at, duration));
		break;
	case SYNC:
		config_sync_text(c, out);
		break;
	case DNS:
		for (size_t i = 0; i < c->n_default_dns; i++)
			str_addf(out, "%s%s", i ? " " : "", c->default_dns[i]);
		break;
	}
}

/* What follows from the values once all are known. */
static void finish(struct config *c)
{
	static const char *const in_table[] = { [CONFIG_VCPU] = "vm_defaults.vcpu",
		[CONFIG_MEMORY_MIB] = "vm_defaults.memory_mib",
		[CONFIG_DISK_SIZE] = "vm_defaults.disk_size",
		[CONFIG_SYSTEM_OVERLAY_SIZE] = "vm_defaults.system_overlay_size",
		[CONFIG_ROOT_CHUNK_KIB] = "vm_defaults.root_chunk_kib" };

	if (c->tap_pool_size < 0)
		c->tap_pool_size = 0;
	c->subnet = mem_printf("%s/%" PRId64, c->bridge_ip, c->cidr);
	c->values = mem_array(CONFIG_KEY_COUNT, sizeof(*c->values));
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		struct str text = STR_INIT;

		value_text(c, &keys[i], &text);
		c->values[i].name = keys[i].table ? in_table[i] : keys[i].name;
		c->values[i].text = str_take(&text);
		c->values[i].source = c->source[i];
	}
}

static MUST int read_text(const char *text, size_t n, const char *file, const char *home, enum config_source source, struct config *c, struct err *e)
{
	AUTO(toml_free) struct toml *t = NULL;

	return toml_parse(text, n, file, &t, e) < 0 ? -1 : read_table(t, &t->root, NULL, home, source, c, e);
}

/* A file that is not there says nothing. */
static MUST int read_file(const char *path, const char *home, enum config_source source, struct config *c, struct err *e)
{
	AUTO_MEM char *text = NULL;
	size_t n = 0;

	if (fd_read_file(AT_FDCWD, path, TOML_MAX_BYTES, &text, &n, e) == 0)
		return read_text(text, n, path, home, source, c, e);
	if (e->sys != ENOENT && e->sys != ENOTDIR)
		return -1;
	err_clear(e);
	return 0;
}

int config_parse(const char *text, size_t n, const char *file, const char *home, struct config **ret, struct err *e)
{
	AUTO(config_free) struct config *c = defaults();

	if (read_text(text, n, file, home, CONFIG_FILE, c, e) < 0)
		return -1;
	finish(c);
	*ret = TAKE_PTR(c);
	return 0;
}

int config_load(const char *host, const char *path, const char *home, struct config **ret, struct err *e)
{
	AUTO(config_free) struct config *c = defaults();

	if ((host && read_file(host, home, CONFIG_HOST, c, e) < 0) || read_file(path, home, CONFIG_FILE, c, e) < 0)
		return -1;
	finish(c);
	*ret = TAKE_PTR(c);
	return 0;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
		if (keys[i].kind == TEXT || keys[i].kind == PATH)
			free(*(char **)(void *)((char *)c + keys[i].at));
	config_drop_dns(c);
	config_drop_sync(c);
	free(c->subnet);
	for (size_t i = 0; c->values && i < CONFIG_KEY_COUNT; i++)
		free(c->values[i].text);
	free(c->values);
	for (size_t i = 0; i < c->n_notices; i++)
		free(c->notices[i]);
	free(c);
}

const struct config_value *config_values(const struct config *c, size_t *ret_n)
{
	*ret_n = CONFIG_KEY_COUNT;
	return c->values;
}

const char *config_source_text(enum config_source source)
{
	static const char *const names[] = { "builtin", "auto", "host", "config", "install" };

	return names[source];
}

/* Replaces a text value and what is shown of it. */
static void set_installed(struct config *c, enum config_key key, const char *text)
{
	struct str shown = STR_INIT;

	if (keys[key].kind == TEXT || keys[key].kind == PATH) {
		char **at = (char **)(void *)((char *)c + keys[key].at);

		free(*at);
		*at = *text ? mem_strdup(text) : NULL;
	}
	c->source[key] = CONFIG_INSTALL;
	value_text(c, &keys[key], &shown);
	free(c->values[key].text);
	c->values[key].text = str_take(&shown);
	c->values[key].source = CONFIG_INSTALL;
}

int config_install(struct config *c, const char *bridge, const char *subnet, const char *firecracker, struct err *e)
{
	size_t n = strcspn(subnet, "/");
	AUTO_MEM char *ip = mem_strndup(subnet, n);

	if (!subnet[n] || str_to_int(subnet + n + 1, 8, 30, "the subnet's prefix", &c->cidr, e) < 0)
		return subnet[n] ? -1 : err_set(e, ERR_INVALID, "'%s' is no subnet", subnet);
	set_installed(c, CONFIG_BRIDGE_NAME, bridge);
	set_installed(c, CONFIG_BRIDGE_IP, ip);
	set_installed(c, CONFIG_CIDR, "");
	set_installed(c, CONFIG_FIRECRACKER_BIN, firecracker);
	if (!*firecracker && strcmp(c->vmm, "auto") == 0)
		set_installed(c, CONFIG_VMM, "qemu");
	free(c->subnet);
	c->subnet = mem_strdup(subnet);
	return 0;
}

bool config_needs_restart(enum config_key key)
{
	return keys[key].at_start;
}
