/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "config/host.h"

static int parse(const char *text, struct config **ret, struct err *e)
{
	return config_parse(text, strlen(text), "c.toml", "/home/u", ret, e);
}

static void test_defaults(void **state)
{
	AUTO(config_free) struct config *c = NULL;
	struct err e = { 0 };

	assert_ok(config_load(NULL, "/nonexistent/config.toml", NULL, &c, &e));
	assert_string_equal(c->vmm, "auto");
	assert_string_equal(c->default_image_name, "debian-bookworm");
	assert_string_equal(c->bridge_name, "br-fc");
	assert_int_equal(c->cidr, 24);
	assert_true(c->jailer_enabled);
	assert_null(c->firecracker_bin);
	assert_in_range(c->vcpus, 1, 4);
	assert_in_range(c->memory_mib, 16, 8192);
	assert_int_equal(c->source[CONFIG_VCPU], CONFIG_AUTO);
	assert_int_equal(c->source[CONFIG_DISK_SIZE], CONFIG_BUILTIN);
	assert_true(c->n_default_dns >= 1);
	assert_int_equal(c->n_notices, 0);
}

static void test_all_keys(void **state)
{
	AUTO(config_free) struct config *c = NULL;
	const struct config_value *v;
	size_t n;
	struct err e = { 0 };

	assert_ok(parse("log_level = 'debug'\nvmm = 'qemu'\nfirecracker_bin = "
			"'~/bin/fc'\nqemu_bin='/opt/qemu'\njailer_enabled = false\n"
			"jailer_bin = '/usr/bin/jailer'\njailer_chroot_base = '/srv/jail'\ndefault_image_name = "
			"'x'\ndefault_kernel = 'k'\n"
			"bridge_name = 'br-fc-2'\nbridge_ip = '10.9.0.1'\ncidr = '16'\ntap_pool_size = -3\ndefault_dns "
			"= ['9.9.9.9', '2620:fe::fe']\n"
			"dns_listen = '127.0.0.53:5300'\nready_timeout = 30\n"
			"auto_stop_stale_after = '2h30m'\nmetrics_listen = '127.0.0.1:9100'\nstats_poll_interval = '10s'\n"
			"metrics_poll_interval = '1m'\ngit_identity = true\n"
			"ssh_key_path = '/k'\n[vm_defaults]\nvcpu = 3\nmemory_mib = 700\ndisk_size = "
			"'4GiB'\nsystem_overlay_size = 2048\nroot_chunk_kib = 16\n"
			"[[file_sync]]\nhost = '~/.aws/'\nguest='/root/.aws'\n[[file_sync]]\nhost='/home/u/bin/x'\nguest='~/x'\nmode='0755'\n",
		&c, &e));
	assert_string_equal(c->firecracker_bin, "/home/u/bin/fc");
	assert_false(c->jailer_enabled);
	assert_int_equal(c->cidr, 16);
	assert_int_equal(c->tap_pool_size, 0);
	assert_int_equal(c->n_default_dns, 2);
	assert_int_equal(c->ready_timeout, 30);
	assert_string_equal(c->dns_listen, "127.0.0.53:5300");
	assert_int_equal(c->vcpus, 3);
	assert_int_equal(c->disk_mib, 4096);
	assert_int_equal(c->root_mib, 2048);
	v = config_values(c, &n);
	assert_int_equal(n, CONFIG_KEY_COUNT);
	for (size_t k = 0; k < n; k++) {
		assert_string_equal(config_source_text(v[k].source), "config");
		assert_true(strlen(v[k].text) > 0);
	}
	assert_string_equal(v[CONFIG_VCPU].name, "vm_defaults.vcpu");
	assert_string_equal(v[CONFIG_CIDR].name, "cidr");
	assert_string_equal(v[CONFIG_DISK_SIZE].text, "4G");
	assert_string_equal(v[CONFIG_DEFAULT_DNS].text, "9.9.9.9 2620:fe::fe");
	assert_string_equal(c->subnet, "10.9.0.1/16");
	assert_int_equal(c->auto_stop_ms, 9000000);
	assert_string_equal(v[CONFIG_AUTO_STOP_STALE_AFTER].text, "2h30m");
	assert_int_equal(c->n_notices, 4);
	assert_string_equal(c->notices[0], "c.toml:6:1: 'jailer_bin' has no effect: banger has a jail of its own");
	assert_int_equal(c->n_sync, 2);
	assert_string_equal(v[CONFIG_FILE_SYNC].text, "~/.aws, ~/bin/x to ~/x (0755)");
	assert_string_equal(c->ssh_key_path, "/k");
}

#define BELOW(place, key, entry, folder, text) \
	"c.toml:" place ": '" key "' of file_sync entry " entry " must be a path below ~/ or " folder "/, without '.' or '..', not \"" text "\""

static const struct {
	const char *text, *error;
} bad[] = {
	{ "vmm = ", "c.toml:1:7: a value was expected here" },
	{ "bridge = 'br-fc'", "c.toml:1:1: unknown key 'bridge'" },
	{ "\n[vm_defaults]\n  cpu = 2", "c.toml:3:3: unknown key 'vm_defaults.cpu'" },
	{ "[vm_default]", "c.toml:1:2: unknown key 'vm_default'" },
	{ "vm_defaults = 3", "c.toml:1:1: 'vm_defaults' must be a table, not an integer" },
	{ "log_level = 3", "c.toml:1:1: 'log_level' must be a string, not an integer" },
	{ "log_level = 'loud'", "c.toml:1:1: 'log_level' must be one of debug, info, warn, error, not \"loud\"" },
	{ "jailer_enabled = 'yes'", "c.toml:1:1: 'jailer_enabled' must be true or false, not a string" },
	{ "firecracker_bin = 'bin/fc'",
		"c.toml:1:1: 'firecracker_bin' must be an absolute path or begin with ~/, not \"bin/fc\"" },
	{ "firecracker_bin = '~other/fc'",
		"c.toml:1:1: 'firecracker_bin' must be an absolute path or begin with ~/, not \"~other/fc\"" },
	{ "default_image_name = ''", "c.toml:1:1: 'default_image_name' must not be empty or hold a NUL character" },
	{ "bridge_name = 'eth0'",
		"c.toml:1:1: 'bridge_name' must be \"br-fc\" or begin with \"br-fc-\", 15 letters, digits, '-' or '_' "
		"at most" },
	{ "bridge_name = 'br-fc-0123456789'",
		"c.toml:1:1: 'bridge_name' must be \"br-fc\" or begin with \"br-fc-\", 15 letters, digits, '-' or '_' "
		"at most" },
	{ "bridge_ip = '172.16.0'", "c.toml:1:1: 'bridge_ip' must be an IPv4 address, not \"172.16.0\"" },
	{ "auto_stop_stale_after = 'soon'", "c.toml:1:1: auto_stop_stale_after 'soon' is not a duration" },
	{ "auto_stop_stale_after = '5'", "c.toml:1:1: auto_stop_stale_after '5' is not a duration" },
	{ "auto_stop_stale_after = '1h '", "c.toml:1:1: auto_stop_stale_after '1h ' is not a duration" },
	{ "auto_stop_stale_after = 5", "c.toml:1:1: 'auto_stop_stale_after' must be a duration such as \"24h\", not an integer" },
	{ "metrics_listen = '0.0.0.0:9100'",
		"c.toml:1:1: 'metrics_listen' must be a loopback address with a port, \"127.0.0.1:9100\", or an absolute path, not \"0.0.0.0:9100\"" },
	{ "dns_listen = '192.0.2.1:53'",
		"c.toml:1:1: 'dns_listen' must be a loopback address with a port, \"127.0.0.1:42069\", or empty, not \"192.0.2.1:53\"" },
	{ "dns_listen = '127.0.0.1:0'",
		"c.toml:1:1: 'dns_listen' must be a loopback address with a port, \"127.0.0.1:42069\", or empty, not \"127.0.0.1:0\"" },
	{ "metrics_listen = '127.0.0.1'",
		"c.toml:1:1: 'metrics_listen' must be a loopback address with a port, \"127.0.0.1:9100\", or an absolute path, not \"127.0.0.1\"" },
	{ "[vm_defaults]\nroot_chunk_kib = 24", "c.toml:2:1: 'root_chunk_kib' must be a power of two, not 24" },
	{ "cidr = 40", "c.toml:1:1: 'cidr' is 40, not between 8 and 30" },
	{ "ready_timeout = 0", "c.toml:1:1: 'ready_timeout' is 0, not between 1 and 86400" },
	{ "cidr = 'x'", "c.toml:1:1: cidr 'x' is not a whole number" },
	{ "cidr = true", "c.toml:1:1: 'cidr' must be a prefix length such as \"24\", not a boolean" },
	{ "default_dns = 'dns.example'", "c.toml:1:1: 'default_dns' must be an address, not \"dns.example\"" },
	{ "default_dns = [1]",
		"c.toml:1:16: 'default_dns' must be an address or an array of addresses, not an integer" },
	{ "default_dns = ['1.1.1.1','1.1.1.1','1.1.1.1','1.1.1.1','1.1.1.1']",
		"c.toml:1:56: 'default_dns' takes 4 addresses at most" },
	{ "vm_defaults.vcpu = 0", "c.toml:1:13: 'vcpu' is 0, not between 1 and 32" },
	{ "vm_defaults.vcpu = 2.0", "c.toml:1:13: 'vcpu' must be an integer, not a float" },
	{ "vm_defaults.memory_mib = '2G'", "c.toml:1:13: 'memory_mib' must be an integer, not a string" },
	{ "vm_defaults.disk_size = 'big'", "c.toml:1:13: disk_size 'big' is not a size (try 512M or 4G)" },
	{ "file_sync = 'x'", "c.toml:1:1: 'file_sync' must be an array of tables, [[file_sync]], not a string" },
	{ "file_sync = ['x']", "c.toml:1:14: file_sync entry 1 must be a table, not a string" },
	{ "[[file_sync]]\nguest = '~/a'", "c.toml:1:3: file_sync entry 1 has no 'host'" },
	{ "[[file_sync]]\nhost = '~/a'", "c.toml:1:3: file_sync entry 1 has no 'guest'" },
	{ "[[file_sync]]\nhost = ''\nguest = '~/a'", "c.toml:2:1: 'host' of file_sync entry 1 must not be empty or hold a NUL character" },
	{ "[[file_sync]]\nhost = '~/a'\nguest = '~/a'\n[[file_sync]]\nhost = 'a'\nguest = '~/a'", BELOW("5:1", "host", "2", "/home/u", "a") },
	{ "[[file_sync]]\nhost = '~/a/../../b'\nguest = '~/a'", BELOW("2:1", "host", "1", "/home/u", "~/a/../../b") },
	{ "[[file_sync]]\nhost = '~other/a'\nguest = '~/a'", BELOW("2:1", "host", "1", "/home/u", "~other/a") },
	{ "[[file_sync]]\nhost = '/etc/passwd'\nguest = '~/a'", BELOW("2:1", "host", "1", "/home/u", "/etc/passwd") },
	{ "[[file_sync]]\nhost = '/home/us/a'\nguest = '~/a'", BELOW("2:1", "host", "1", "/home/u", "/home/us/a") },
	{ "[[file_sync]]\nhost = '~/'\nguest = '~/a'", BELOW("2:1", "host", "1", "/home/u", "~/") },
	{ "[[file_sync]]\nhost = '~/a'\nguest = '/etc/a'", BELOW("3:1", "guest", "1", "/root", "/etc/a") },
	{ "[[file_sync]]\nhost = '~/a'\nguest = '/root/../etc/a'", BELOW("3:1", "guest", "1", "/root", "/root/../etc/a") },
	{ "[[file_sync]]\nhost = '~/a'\nguest = '~//'", BELOW("3:1", "guest", "1", "/root", "~//") },
	{ "[[file_sync]]\nhost = '~/a'\nguest = '~/a'\nmode = 'rw'",
		"c.toml:4:1: 'mode' of file_sync entry 1 must be three octal digits such as \"0600\" or \"755\"" },
	{ "[[file_sync]]\nhost = '~/a'\nguest = '~/a'\nmode = '4755'",
		"c.toml:4:1: 'mode' of file_sync entry 1 must be three octal digits such as \"0600\" or \"755\"" },
	{ "[[file_sync]]\nhost = '~/a'\nguest = '~/a'\nmode = 600",
		"c.toml:4:1: 'mode' of file_sync entry 1 must be three octal digits such as \"0600\" or \"755\"" },
	{ "[[file_sync]]\nhost = '~/a'\nguest = '~/a'\nmod = '0600'", "c.toml:4:1: unknown key 'file_sync.mod'" },
	{ "[[file_sync]]\nhost = '~/a'\nguest = '~/a'\n[[file_sync]]\nhost = '~/b'\nguest = '/root/a'",
		"c.toml:6:1: file_sync entries 1 and 2 are both for '~/a'" },
	{ "vm_defaults.disk_size = false", "c.toml:1:13: 'disk_size' must be a size such as \"8G\", not a boolean" },
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct config *c = NULL;
		struct err e = { 0 };

		assert_int_equal(parse(bad[i].text, &c, &e), -1);
		assert_null(c);
		assert_int_equal(e.code, ERR_INVALID);
		assert_string_equal(e.msg, bad[i].error);
	}
}

static void test_hints(void **state)
{
	struct config *c = NULL;
	struct err e = { 0 };

	assert_int_equal(parse("defualt_dns = 'x'", &c, &e), -1);
	assert_string_equal(e.hint, "did you mean 'default_dns'?");
	err_clear(&e);
	assert_int_equal(parse("web_listen_addr = ''", &c, &e), -1);
	assert_string_equal(e.hint, "docs/config.md lists the keys");
	err_clear(&e);
	assert_int_equal(config_load(NULL, "/tmp", NULL, &c, &e), -1);
}

static void write_to(char *path, const char *text)
{
	AUTO_FD int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Key by key; a whole array counts as one. */
static void test_two_files(void **state)
{
	char host[] = "/tmp/banger-unit-XXXXXX", own[] = "/tmp/banger-unit-XXXXXX", at[80];
	AUTO(config_free) struct config *c = NULL, *none = NULL;
	const struct config_value *v;
	struct err e = { 0 };
	size_t n;

	write_to(host, "vmm = 'qemu'\ndefault_image_name = 'x'\n[vm_defaults]\nvcpu = 3\nmemory_mib = 640\n[[file_sync]]\nhost = '~/a'\nguest = '~/a'\n");
	write_to(own, "default_image_name = 'y'\n[[file_sync]]\nhost = '~/b'\nguest = '~/b'\n[vm_defaults]\nvcpu = 1\n");
	assert_ok(config_load(host, own, "/home/u", &c, &e));
	v = config_values(c, &n);
	assert_string_equal(v[CONFIG_VCPU].text, "1");
	assert_string_equal(config_source_text(v[CONFIG_VCPU].source), "config");
	assert_string_equal(v[CONFIG_MEMORY_MIB].text, "640");
	assert_string_equal(config_source_text(v[CONFIG_MEMORY_MIB].source), "host");
	assert_string_equal(c->vmm, "qemu");
	assert_string_equal(c->default_image_name, "y");
	assert_string_equal(v[CONFIG_FILE_SYNC].text, "~/b");
	assert_int_equal(truncate(host, 5), 0);
	assert_int_equal(config_load(host, own, "/home/u", &none, &e), -1);
	snprintf(at, sizeof(at), "%s:1:6: ", host);
	assert_memory_equal(e.msg, at, strlen(at));
	unlink(host);
	unlink(own);
}

static void test_host(void **state)
{
	char *dns[CONFIG_MAX_DNS];

	assert_int_equal(config_vcpus_for(0), 0);
	assert_int_equal(config_vcpus_for(2), 1);
	assert_int_equal(config_vcpus_for(8), 2);
	assert_int_equal(config_vcpus_for(96), 4);
	assert_int_equal(config_memory_for(512), 256);
	assert_int_equal(config_memory_for(2048), 512);
	assert_int_equal(config_memory_for(16384), 2048);
	assert_int_equal(config_memory_for(1 << 20), 8192);
	assert_int_equal(config_host_dns("# x\nnameserver 127.0.0.53\n nameserver\t10.0.0.1 \nnameservers "
					 "1.1.1.1\nnameserver fe80::1\nnameserver 8.8.8.8",
				 dns),
		2);
	assert_string_equal(dns[0], "10.0.0.1");
	assert_string_equal(dns[1], "8.8.8.8");
	free(dns[0]);
	free(dns[1]);
	assert_int_equal(config_host_dns("", dns), 0);
}

/* Every key that the last version of the original had, as docs/config.md lists them, is read; those without effect say so. */
static void test_older_file(void **state)
{
	AUTO(config_free) struct config *c = NULL;
	static char doc[65536], *start, *end;
	FILE *f = fopen("../docs/config.md", "r");
	struct err e = { 0 };

	assert_non_null(f);
	doc[fread(doc, 1, sizeof(doc) - 1, f)] = 0;
	fclose(f);
	start = strstr(doc, "```toml\n# every key");
	assert_non_null(start);
	start += 8;
	end = strstr(start, "```");
	assert_non_null(end);
	assert_ok(config_parse(start, (size_t)(end - start), "docs/config.md", "/home/u", &c, &e));
	for (int k = 0; k < CONFIG_KEY_COUNT; k++) {
		bool new = k == CONFIG_VMM || k == CONFIG_QEMU_BIN || k == CONFIG_DEFAULT_KERNEL || k == CONFIG_DNS_LISTEN || k == CONFIG_READY_TIMEOUT ||
			k == CONFIG_METRICS_LISTEN || k == CONFIG_GIT_IDENTITY || k == CONFIG_ROOT_CHUNK_KIB;

		assert_int_equal(c->source[k], new ? c->source[k] : CONFIG_FILE);
		assert_true(!new || c->source[k] != CONFIG_FILE);
	}
	for (size_t i = 0; i < c->n_notices; i++) {
		char *name = strchr(c->notices[i], '\''), row[80];

		assert_non_null(name);
		name[1 + strcspn(name + 1, "'")] = 0;
		snprintf(row, sizeof(row), "`%s`", name + 1);
		if (!strstr(end, row))
			fail_msg("docs/config.md does not say why %s does nothing", name + 1);
	}
	assert_int_equal(c->n_notices, 4);
}

/* docs/config.md has a row for every key, and its example can be read. Tests run in test/. */
static void test_document(void **state)
{
	AUTO(config_free) struct config *c = NULL;
	const struct config_value *v;
	static char doc[65536], *start, *end;
	FILE *f = fopen("../docs/config.md", "r");
	struct err e = { 0 };
	size_t n;

	assert_non_null(f);
	doc[fread(doc, 1, sizeof(doc) - 1, f)] = 0;
	fclose(f);
	start = strstr(doc, "```toml\n");
	assert_non_null(start);
	start += 8;
	end = strstr(start, "```");
	assert_non_null(end);
	assert_ok(config_parse(start, (size_t)(end - start), "docs/config.md", NULL, &c, &e));
	v = config_values(c, &n);
	for (size_t i = 0; i < n; i++) {
		const char *dot = strrchr(v[i].name, '.');
		char row[80];

		snprintf(row, sizeof(row), "| `%s` |", dot ? dot + 1 : v[i].name);
		if (!strstr(doc, row))
			fail_msg("docs/config.md has no row for %s", v[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_hints),
		cmocka_unit_test(test_two_files),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_older_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
