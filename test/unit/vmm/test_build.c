/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines, and for Firecracker the configuration: what must be there, and that no path but the two sockets' gets in. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/str.h"
#include "vmm/vmm.h"

static struct vmm_spec spec_of(void)
{
	return (struct vmm_spec){
		.id = "abcdefabcdef", .hostname = "otter", .vcpus = 2, .memory_mib = 512, .cid = 77, .root_mib = 8192, .kernel_fd = 40, .initrd_fd = 41,
		.drives = { { 42, true, false, "base" }, { 43, false, false, "work" }, { 44, false, true, "store" } }, .n_drives = 3,
		.net = true, .tap_name = "tap-fc-abc", .tap_fd = 45, .mac = { 2, 1, 2, 3, 4, 5 }, .vsock_path = "/run/x/vsock", .api_path = "/run/x/api",
		.vhost_fd = 46, .console_fd = 47, .log_fd = 48,
	};
}

static bool has_word(const struct vmm_command *c, const char *word)
{
	for (size_t i = 0; i < c->n_words; i++)
		if (str_eq(c->argv[i], word))
			return true;
	return false;
}

/* The number under which the child has the caller's descriptor. */
static int as_fd(const struct vmm_command *c, int fd)
{
	for (size_t i = 0; i < c->n_fds; i++)
		if (c->fds[i].fd == fd)
			return c->fds[i].as_fd;
	return -1;
}

static void qemu_gets_descriptors(void **state)
{
	AUTO_DONE(vmm_command_done) struct vmm_command c = { 0 };
	struct vmm_spec spec = spec_of();
	struct err e = { 0 };
	char word[200];

	assert_ok(vmm_driver(VMM_KIND_QEMU)->build(&spec, "/bin/true", &c, &e));
	assert_string_equal(c.path, "/bin/true");
	for (int fd = 40; fd <= 48; fd++)
		assert_true(as_fd(&c, fd) > 0);
	assert_int_equal(as_fd(&c, 47), 1);
	assert_int_equal(as_fd(&c, 48), 2);
	snprintf(word, sizeof(word), "/proc/self/fd/%d", as_fd(&c, 40));
	assert_true(has_word(&c, word));
	snprintf(word, sizeof(word), "socket,id=vhost,fd=%d", as_fd(&c, 46));
	assert_true(has_word(&c, word));
	assert_true(has_word(&c, "tcg,thread=multi"));
	assert_true(has_word(&c, "memory-backend-memfd,id=m0,size=512M,share=on"));
	assert_true(has_word(&c, "-no-reboot"));
}

static char *config_of(const struct vmm_command *c)
{
	char *text = calloc(1, 65536);
	int fd = c->own_fds[0];

	assert_int_equal(c->n_own_fds, 1);
	assert_true(pread(fd, text, 65535, 0) > 0);
	return text;
}

/* The one that answers to --version. */
static char fc[] = "/tmp/banger-fc-XXXXXX";

static void firecracker_gets_one_configuration(void **state)
{
	AUTO_DONE(vmm_command_done) struct vmm_command c = { 0 };
	AUTO(json_free) struct json *j = NULL;
	AUTO_MEM char *text = NULL;
	struct vmm_spec spec = spec_of();
	struct err e = { 0 };
	const struct json *drive;
	char path[40];

	assert_ok(vmm_driver(VMM_KIND_FIRECRACKER)->build(&spec, fc, &c, &e));
	text = config_of(&c);
	assert_ok(json_parse(text, strlen(text), &j, &e));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", as_fd(&c, 40));
	assert_string_equal(json_string(json_get(json_get(j, "boot-source"), "kernel_image_path")), path);
	assert_non_null(strstr(json_string(json_get(json_get(j, "boot-source"), "boot_args")), "banger.disks=base:vda,work:vdb,store:vdc"));
	drive = json_first(json_get(j, "drives"));
	assert_string_equal(json_string(json_get(drive, "drive_id")), "base");
	assert_true(json_bool(json_get(drive, "is_read_only"), false));
	drive = json_next(drive);
	assert_string_equal(json_string(json_get(drive, "cache_type")), "Writeback");
	assert_false(json_bool(json_get(drive, "is_read_only"), true));
	drive = json_next(drive);
	assert_string_equal(json_string(json_get(drive, "cache_type")), "Unsafe");
	assert_null(json_next(drive));
	assert_string_equal(json_string(json_get(json_first(json_get(j, "network-interfaces")), "guest_mac")), "02:01:02:03:04:05");
	assert_int_equal(json_int(json_get(json_get(j, "vsock"), "guest_cid"), 0), 77);
	assert_true(json_bool(json_get(json_get(j, "balloon"), "free_page_reporting"), false));
	assert_int_equal(as_fd(&c, 47), 1);
}

static int make_fc(void **state)
{
	static const char text[] = "#!/bin/sh\necho Firecracker v1.15.1\n";
	int fd = mkstemp(fc);

	if (fd < 0 || write(fd, text, sizeof(text) - 1) < 0 || fchmod(fd, 0755) < 0)
		return -1;
	return close(fd);
}

static int remove_fc(void **state)
{
	return unlink(fc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qemu_gets_descriptors),
		cmocka_unit_test(firecracker_gets_one_configuration),
	};

	return cmocka_run_group_tests(tests, make_fc, remove_fc);
}
