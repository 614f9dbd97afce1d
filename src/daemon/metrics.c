/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/netlink.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/objects.h"
#include "daemon/stats.h"
#include "net/netlink.h"
#include "proto/io_banger.h"

enum { REQUEST_MAX = 4096, CONNECTIONS_MAX = 16, ANSWER_MS = 5000 };

struct metrics {
	struct daemon *daemon;
	struct loop_source *source;
	struct list connections;
	int fd, n_connections;
	char *where; /* as configured */
};

/* One request, one answer, then the end. */
struct connection {
	struct list link;
	struct metrics *metrics;
	struct loop_source *source, *timer;
	int fd;
	struct str in, out;
};

static void connection_free(struct connection *c)
{
	struct loop *l = c->metrics->daemon->loop;

	loop_remove(l, c->source);
	loop_remove(l, c->timer);
	list_remove(&c->link);
	c->metrics->n_connections--;
	close(c->fd);
	str_done(&c->in);
	str_done(&c->out);
	free(c);
}

/* The samples of one metric; has is false where the VM has none. */
struct column {
	const char *name, *type, *help;
	size_t at, has_at; /* of struct vm_usage; has_at 0: always there */
	double unit;       /* what the number is divided by */
};

#define ALWAYS(member) offsetof(struct vm_usage, member), 0
#define MAYBE(member) offsetof(struct vm_usage, member), offsetof(struct vm_usage, has_##member)
static const struct column columns[] = {
	{ "cpu_seconds_total", "counter", "Processor time of what runs the VM.", MAYBE(cpu_ms), 1000 },
	{ "vcpus", "gauge", "Processors of the guest.", ALWAYS(vcpus), 1 },
	{ "memory_resident_bytes", "gauge", "Resident memory of what runs the VM.", MAYBE(memory_bytes), 1 },
	{ "memory_size_mebibytes", "gauge", "Memory of the guest.", ALWAYS(memory_mib), 1 },
	{ "root_allocated_bytes", "gauge", "What the root's changes take on the host.", ALWAYS(root_bytes), 1 },
	{ "work_allocated_bytes", "gauge", "What the work disk takes on the host.", ALWAYS(work_bytes), 1 },
	{ "disk_read_bytes_total", "counter", "Read from the host's disks.", MAYBE(disk_read_bytes), 1 },
	{ "disk_written_bytes_total", "counter", "Written to the host's disks.", MAYBE(disk_written_bytes), 1 },
	{ "net_received_bytes_total", "counter", "Received by the guest.", MAYBE(net_received_bytes), 1 },
	{ "net_sent_bytes_total", "counter", "Sent by the guest.", MAYBE(net_sent_bytes), 1 },
};

static void write_column(const struct column *c, const struct vm_usage *vms, size_t n, struct str *out)
{
	str_addf(out, "# HELP banger_vm_%s %s\n# TYPE banger_vm_%s %s\n", c->name, c->help, c->name, c->type);
	for (size_t i = 0; i < n; i++) {
		const char *vm = (const char *)&vms[i];
		int64_t v = *(const int64_t *)(const void *)(vm + c->at);

		if (!c->has_at || *(const bool *)(vm + c->has_at))
			str_addf(out, "banger_vm_%s{name=\"%s\",id=\"%s\"} %.15g\n", c->name, vms[i].name, vms[i].id, (double)v / c->unit);
	}
}

static void write_totals(const struct daemon *d, const struct vm_usage *vms, size_t n, struct str *out)
{
	size_t jobs = 0;

	list_for_each(it, &d->jobs)
		jobs++;
	str_addf(out, "# HELP banger_build_info The running daemon.\n# TYPE banger_build_info gauge\nbanger_build_info{version=\"%s\",build=\"%s\"} 1\n",
		 build_version(), build_id());
	str_addf(out, "# HELP banger_operations Operations under way.\n# TYPE banger_operations gauge\nbanger_operations %zu\n", jobs);
	str_add(out, "# HELP banger_vms VMs by state.\n# TYPE banger_vms gauge\n");
	for (enum vm_state s = VM_STATE_CREATING; s <= VM_STATE_ERROR; s++) {
		size_t of_state = 0;

		for (size_t i = 0; i < n; i++)
			of_state += vms[i].state == s;
		str_addf(out, "banger_vms{state=\"%s\"} %zu\n", vm_state_text(s), of_state);
	}
}

static void write_metrics(struct daemon *d, struct str *out)
{
	AUTO(netlink_free) struct netlink *net = NULL;
	struct err ignored = { 0 }; /* without it only the network's counters are missing */
	struct vm_usage *vms = NULL;
	size_t n = 0;

	if (netlink_open(NETLINK_ROUTE, &net, &ignored) < 0)
		net = NULL;
	objects_each(d, o) {
		if (o->kind != LAYOUT_VM)
			continue;
		vms = mem_grow(vms, n, sizeof(*vms));
		stats_read(o, net, &vms[n++]);
	}
	write_totals(d, vms, n, out);
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		write_column(&columns[i], vms, n, out);
	for (size_t i = 0; i < n; i++)
		vm_usage_done(&vms[i]);
	free(vms);
}

static void answer(struct connection *c)
{
	AUTO_DONE(str_done) struct str body = STR_INIT;
	bool get = str_starts(c->in.data, "GET "), head = str_starts(c->in.data, "HEAD ");
	const char *path = c->in.data + (get ? 4 : 5), *status = "200 OK";

	if (!get && !head)
		status = "405 Method Not Allowed";
	else if (!str_starts(path, "/metrics ") && !str_starts(path, "/metrics?"))
		status = "404 Not Found";
	if (*status == '2')
		write_metrics(c->metrics->daemon, &body);
	else
		str_addf(&body, "%s; the figures are at /metrics\n", status);
	str_addf(&c->out, "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		 status, body.len);
	if (!head)
		str_add_bytes(&c->out, body.data, body.len);
}

/* Reads until the empty line; 0 when there is more to come, 1 when the request is whole, -1 when it is no use. */
static int read_request(struct connection *c)
{
	char buf[1024];

	for (;;) {
		ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0 || c->in.len + (size_t)n > REQUEST_MAX || memchr(buf, 0, (size_t)n))
			return -1;
		str_add_bytes(&c->in, buf, (size_t)n);
		if (strstr(c->in.data, "\r\n\r\n") || strstr(c->in.data, "\n\n"))
			return 1;
	}
}

static void on_connection(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct connection *c = arg;
	struct err e = { 0 };
	ssize_t n;

	if (!c->out.len) {
		int got = read_request(c);

		if (got < 0)
			connection_free(c);
		if (got <= 0)
			return;
		answer(c);
	}
	while (c->out.len) {
		n = send(fd, c->out.data, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && loop_set_events(l, c->source, EPOLLOUT, &e) == 0)
			return;
		if (n <= 0)
			break;
		str_consume(&c->out, (size_t)n);
	}
	connection_free(c);
}

static void on_late(struct loop *l, void *arg)
{
	struct connection *c = arg;

	c->timer = NULL;
	connection_free(c);
}

static void on_accept(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct metrics *m = arg;
	struct err e = { 0 };

	for (;;) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (peer < 0)
			return;
		if (m->n_connections >= CONNECTIONS_MAX) {
			close(peer);
			continue;
		}
		struct connection *c = NEW(struct connection);
		c->metrics = m;
		c->fd = peer;
		list_add_tail(&m->connections, &c->link);
		m->n_connections++;
		c->timer = loop_add_timer(l, time_now_ms() + ANSWER_MS, on_late, c);
		if (loop_add_fd(l, peer, EPOLLIN, on_connection, c, &c->source, &e) < 0) {
			err_clear(&e);
			connection_free(c);
		}
	}
}

static MUST int listen_tcp(const char *where, int *ret, struct err *e)
{
	const char *colon = strrchr(where, ':');
	AUTO_MEM char *host = mem_strndup(where, (size_t)(colon - where));
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1)) };
	AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0 || inet_pton(AF_INET, host, &a.sin_addr) != 1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, CONNECTIONS_MAX) < 0)
		return err_sys(e, errno, "listen on %s for metrics", where);
	*ret = TAKE_FD(fd);
	return 0;
}

/* A file that somebody keeps at that path is not ours to remove. */
static MUST int listen_path(const char *where, int *ret, struct err *e)
{
	struct stat st;

	if (lstat(where, &st) == 0 && !S_ISSOCK(st.st_mode))
		return err_set(e, ERR_EXISTS, "listen at '%s' for metrics: there is a file, and it is no socket", where);
	if (fd_listen_unix(where, 0600, ret, e) < 0)
		return -1;
	return fd_set_nonblock(*ret, true, e);
}

int metrics_listen(struct daemon *d, struct err *e)
{
	const char *where = d->config->metrics_listen;
	AUTO_FD int fd = -1;

	if (d->metrics && str_eq(d->metrics->where, where))
		return 0;
	metrics_close(d);
	if (!where)
		return 0;
	if ((*where == '/' ? listen_path(where, &fd, e) : listen_tcp(where, &fd, e)) < 0)
		return -1;
	d->metrics = NEW(struct metrics);
	d->metrics->daemon = d;
	d->metrics->where = mem_strdup(where);
	d->metrics->fd = TAKE_FD(fd);
	list_init(&d->metrics->connections);
	if (loop_add_fd(d->loop, d->metrics->fd, EPOLLIN, on_accept, d->metrics, &d->metrics->source, e) < 0) {
		metrics_close(d);
		return -1;
	}
	log_info("metrics", "at", where);
	return 0;
}

void metrics_close(struct daemon *d)
{
	struct metrics *m = d->metrics;

	if (!m)
		return;
	list_for_each(it, &m->connections)
		connection_free(list_entry(it, struct connection, link));
	loop_remove(d->loop, m->source);
	close(m->fd);
	if (*m->where == '/')
		unlink(m->where);
	free(m->where);
	free(m);
	d->metrics = NULL;
}
