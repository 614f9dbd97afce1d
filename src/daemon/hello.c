/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hello.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/jobs.h"
#include "daemon/objects.h"
#include "net/addr.h"
#include "proto/io_banger_hello.h"
#include "proto/server.h"

enum { HELLO_MESSAGE_MAX = 16 << 10, HELLO_CONNECTIONS_MAX = 8192, HELLO_GUEST_MAX = 8, HELLO_MESSAGE_MS = 5000, SSH_KEY_MAX = 8 << 10 };

struct hello {
	int fd;
	struct loop_source *source;
	int n_calls; /* connections of this guest, so that one cannot crowd out the others */
};

/* A connection; it knows its VM by id, since the VM may go first. */
struct guest_call {
	struct daemon *daemon;
	char id[16];
};

static void on_guest_gone(struct varlink_conn *conn, void *context)
{
	struct guest_call *call = context;
	struct object *o = object_by_id(call->daemon, LAYOUT_VM, call->id);

	if (o && o->hello && o->hello->n_calls > 0)
		o->hello->n_calls--;
	free(call);
}

int hello_open(struct daemon *d, struct err *e)
{
	static const struct varlink_interface *const served[] = { &io_banger_hello_interface };
	struct varlink_server_conf conf = {
		.max_message = HELLO_MESSAGE_MAX,
		.max_connections = HELLO_CONNECTIONS_MAX,
		.message_ms = HELLO_MESSAGE_MS,
		.idle_ms = HELLO_MESSAGE_MS,
		.on_disconnect = on_guest_gone,
		.context = d,
	};

	return varlink_server_new(d->loop, served, ARRAY_LEN(served), &conf, &d->guests, e);
}

static void on_accept(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct object *o = arg;
	struct err e = { 0 };

	for (;;) {
		int guest = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (guest < 0)
			return;
		if (o->hello->n_calls >= HELLO_GUEST_MAX) {
			log_warn("a guest calls too often at once", "vm", o->vm.name);
			close(guest);
			continue;
		}
		struct guest_call *call = NEW(struct guest_call);
		call->daemon = o->daemon;
		snprintf(call->id, sizeof(call->id), "%s", o->vm.id);
		if (varlink_server_add(o->daemon->guests, guest, call, NULL, &e) < 0) {
			log_warn("a guest's call was refused", "vm", o->vm.name, "why", e.msg);
			err_clear(&e);
			free(call);
			continue;
		}
		o->hello->n_calls++;
	}
}

int hello_start(struct object *o, struct err *e)
{
	AUTO_MEM char *dir = layout_vm_run(o->vm.id);
	AUTO_MEM char *path = layout_vm_hello(o->vm.id);
	AUTO_FD int fd = -1;

	if (o->hello)
		return 0;
	/* A jailed VMM is another user, of the same group: it makes its sockets there and calls ours, but cannot take ours away. */
	if (path_make_dirs(dir, 0700, e) < 0)
		return -1;
	if (chmod(dir, S_ISVTX | 0770) < 0)
		return err_sys(e, errno, "chmod '%s'", dir);
	if (fd_listen_unix(path, 0660, &fd, e) < 0)
		return -1;
	o->hello = NEW(struct hello);
	o->hello->fd = TAKE_FD(fd);
	if (loop_add_fd(o->daemon->loop, o->hello->fd, EPOLLIN, on_accept, o, &o->hello->source, e) < 0) {
		hello_stop(o);
		return -1;
	}
	return 0;
}

void hello_stop(struct object *o)
{
	if (!o->hello)
		return;
	loop_remove(o->daemon->loop, o->hello->source);
	close(o->hello->fd);
	free(o->hello);
	o->hello = NULL;
	o->ready = false;
}

static MUST int caller(struct varlink_call *call, struct object **ret, struct err *e)
{
	struct daemon *d = varlink_call_server_context(call);
	const struct guest_call *guest = varlink_call_context(call);

	*ret = guest ? object_by_id(d, LAYOUT_VM, guest->id) : NULL;
	if (!*ret)
		return err_set(e, ERR_NOT_FOUND, "this VM is gone");
	return 0;
}

/* Name servers: the configured ones where the VM gets out, none otherwise. */
static void fill_dns(const struct daemon *d, const struct object *o, struct guest_config *c)
{
	if (o->vm.net != NET_MODE_NAT)
		return;
	c->dns = mem_array(d->config->n_default_dns, sizeof(*c->dns));
	for (size_t i = 0; i < d->config->n_default_dns; i++)
		c->dns[c->n_dns++] = mem_strdup(d->config->default_dns[i]);
}

static MUST int fill_network(const struct daemon *d, const struct object *o, struct guest_config *c, struct err *e)
{
	char text[ADDR_TEXT], mac_text[ADDR_MAC_TEXT];
	struct addr_net net;
	uint32_t address;
	uint8_t mac[6];

	if (addr_parse_net(d->config->subnet, &net, e) < 0 || addr_nth(&net, (uint32_t)o->vm.net_index, &address, e) < 0 ||
	    addr_mac(o->vm.id, mac, e) < 0)
		return -1;
	c->address = mem_printf("%s/%u", addr_text(address, text), net.prefix);
	c->gateway = mem_strdup(addr_text(net.host, text));
	c->mac = mem_strdup(addr_mac_text(mac, mac_text));
	fill_dns(d, o, c);
	return 0;
}

/* machine-id(5) as a random UUID has it, from what no other VM has. */
static char *machine_id(const struct vm_record *vm)
{
	AUTO_MEM char *own = mem_printf("machine-id %s %lld", vm->id, (long long)vm->created_at);
	char hex[DIGEST_HEX_SIZE];

	digest_buffer(own, strlen(own), hex);
	hex[12] = '4';
	hex[16] = "89ab"[(hex[16] <= '9' ? hex[16] - '0' : hex[16] - 'a' + 10) & 3];
	return mem_strndup(hex, 32);
}

/* The public half of the ssh key; without one, keys come with the first use of ssh. */
static void fill_keys(const struct daemon *d, struct guest_config *c)
{
	AUTO_MEM char *own = layout_ssh_key();
	AUTO_MEM char *path = mem_printf("%s.pub", d->config->ssh_key_path ? d->config->ssh_key_path : own);
	AUTO_MEM char *text = NULL;
	struct err why = { 0 };

	if (fd_read_file(AT_FDCWD, path, SSH_KEY_MAX, &text, NULL, &why) < 0) {
		if (why.sys != ENOENT)
			log_warn("ssh key cannot be read", "file", path, "why", why.msg);
		return;
	}
	text[strcspn(text, "\r\n")] = 0;
	if (!*text)
		return;
	c->authorized_keys = mem_array(1, sizeof(*c->authorized_keys));
	c->authorized_keys[c->n_authorized_keys++] = mem_strdup(text);
}

int on_hello(struct varlink_call *call, const struct hello_in *in, struct hello_out *ret, struct err *e)
{
	struct daemon *d = varlink_call_server_context(call);
	struct guest_config *c = &ret->config;
	struct timespec now;
	struct object *o;

	if (caller(call, &o, e) < 0)
		return -1;
	c->name = mem_strdup(o->vm.name);
	c->machine_id = machine_id(&o->vm);
	if (o->vm.net != NET_MODE_NONE && fill_network(d, o, c, e) < 0)
		return -1;
	fill_keys(d, c);
	clock_gettime(CLOCK_REALTIME, &now);
	c->time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	o->ready = true;
	log_info("guest says hello", "vm", o->vm.name, "build", in->build);
	jobs_vm_ready(o);
	return 0;
}

int on_leaving(struct varlink_call *call, const struct leaving_in *in, struct leaving_out *ret, struct err *e)
{
	struct object *o;

	if (caller(call, &o, e) < 0)
		return -1;
	o->reboot = str_eq(in->action, "reboot");
	o->left = !o->reboot;
	log_info("guest leaves", "vm", o->vm.name, "action", o->reboot ? "reboot" : "poweroff");
	return 0;
}
