/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/dns_internal.h"
#include "daemon/helper.h"
#include "daemon/objects.h"
#include "net/addr.h"

enum { BATCHES_A_TURN = 8, TCP_QUEUE = 32 };

/* What one recvmmsg and one sendmmsg carry. A query longer than its place is cut, and so malformed. */
struct dns_packets {
	struct mmsghdr in[DNS_BATCH], out[DNS_BATCH];
	struct iovec in_iov[DNS_BATCH], out_iov[DNS_BATCH];
	struct sockaddr_in peer[DNS_BATCH];
	uint8_t queries[DNS_BATCH][DNS_QUERY_MAX], answers[DNS_BATCH][DNS_UDP_MAX];
};

static void rebuild(struct dns_server *s)
{
	struct err ignored = { 0 }; /* a VM without an address has no name */
	struct dns_host *hosts = NULL;
	struct addr_net net;
	uint32_t address;
	size_t n = 0;

	if (addr_parse_net(s->daemon->config->subnet, &net, &ignored) < 0)
		return;
	objects_each(s->daemon, o) {
		if (o->kind != LAYOUT_VM || (o->vm.state != VM_STATE_RUNNING && o->vm.state != VM_STATE_PAUSED) || o->vm.net == NET_MODE_NONE ||
		    addr_nth(&net, (uint32_t)o->vm.net_index, &address, &ignored) < 0)
			continue;
		hosts = mem_grow(hosts, n, sizeof(*hosts));
		hosts[n++] = (struct dns_host){ o->vm.name, address };
	}
	dns_zone_set(&s->zone, hosts, n);
	s->zone.network = net.host & addr_mask(&net);
	s->zone.prefix = net.prefix;
	s->zone.serial++;
}

const struct dns_zone *dns_server_zone(struct dns_server *s)
{
	if (s->stale)
		rebuild(s);
	s->stale = false;
	return &s->zone;
}

static struct dns_packets *packets_new(void)
{
	struct dns_packets *p = NEW(struct dns_packets);

	for (size_t i = 0; i < DNS_BATCH; i++) {
		p->in_iov[i] = (struct iovec){ p->queries[i], DNS_QUERY_MAX };
		p->in[i].msg_hdr = (struct msghdr){ .msg_name = &p->peer[i], .msg_iov = &p->in_iov[i], .msg_iovlen = 1 };
		p->out[i].msg_hdr = (struct msghdr){ .msg_namelen = sizeof(p->peer[i]), .msg_iov = &p->out_iov[i], .msg_iovlen = 1 };
	}
	return p;
}

/* One batch; returns how many queries it was. */
static int answer_batch(struct dns_server *s)
{
	const struct dns_zone *z = dns_server_zone(s);
	struct dns_packets *p = s->packets;
	unsigned n_out = 0;
	int n;

	for (size_t i = 0; i < DNS_BATCH; i++)
		p->in[i].msg_hdr.msg_namelen = sizeof(p->peer[i]);
	n = recvmmsg(s->udp, p->in, DNS_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		size_t size = dns_answer(z, p->queries[i], p->in[i].msg_len, true, p->answers[n_out], DNS_UDP_MAX);

		if (!size)
			continue;
		p->out_iov[n_out] = (struct iovec){ p->answers[n_out], size };
		p->out[n_out++].msg_hdr.msg_name = &p->peer[i];
	}
	/* A client that does not take its answer asks again. */
	for (unsigned sent = 0; sent < n_out;) {
		int got = sendmmsg(s->udp, p->out + sent, n_out - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += got > 0 ? (unsigned)got : 1;
	}
	return n;
}

static void on_udp(struct loop *l, int fd, uint32_t revents, void *arg)
{
	for (int i = 0; i < BATCHES_A_TURN && answer_batch(arg) == DNS_BATCH; i++)
		continue;
}

/* Without SO_REUSEADDR for UDP, which would let two daemons share the port. */
static MUST int bind_both(struct dns_server *s, struct err *e)
{
	const char *colon = strrchr(s->where, ':');
	AUTO_MEM char *host = mem_strndup(s->where, (size_t)(colon - s->where));
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1)) };
	const struct sockaddr *at = (const struct sockaddr *)&a;
	int on = 1;

	s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->udp < 0 || s->tcp < 0 || inet_pton(AF_INET, host, &a.sin_addr) != 1 || bind(s->udp, at, sizeof(a)) < 0 ||
	    setsockopt(s->tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 || bind(s->tcp, at, sizeof(a)) < 0 || listen(s->tcp, TCP_QUEUE) < 0) {
		err_sys(e, errno, "answer for .vm at %s", s->where);
		return err_hint(e, "free that port, or set dns_listen to another");
	}
	return 0;
}

static void server_free(struct dns_server *s)
{
	dns_tcp_close(s);
	loop_remove(s->daemon->loop, s->udp_source);
	auto_fd_close(&s->udp);
	auto_fd_close(&s->tcp);
	dns_zone_done(&s->zone);
	free(s->packets);
	free(s->where);
	free(s);
}

static MUST int open_server(struct daemon *d, struct err *e)
{
	struct dns_server *s = NEW(struct dns_server);

	*s = (struct dns_server){ .daemon = d, .udp = -1, .tcp = -1, .stale = true, .zone.serial = (uint32_t)d->started_at };
	s->where = mem_strdup(d->config->dns_listen);
	s->packets = packets_new();
	list_init(&s->connections);
	if (bind_both(s, e) < 0 || dns_tcp_listen(s, e) < 0 || loop_add_fd(d->loop, s->udp, EPOLLIN, on_udp, s, &s->udp_source, e) < 0) {
		server_free(s);
		return -1;
	}
	d->dns = s;
	*d->dns_reason = 0;
	log_info("answers for .vm", "at", s->where);
	helper_tell_dns(d);
	return 0;
}

int dns_listen(struct daemon *d, struct err *e)
{
	if (d->dns && str_eq(d->dns->where, d->config->dns_listen))
		return 0;
	dns_close(d);
	*d->dns_reason = 0;
	if (!*d->config->dns_listen || open_server(d, e) == 0)
		return 0;
	snprintf(d->dns_reason, sizeof(d->dns_reason), "%s", e->msg);
	return -1;
}

void dns_close(struct daemon *d)
{
	if (!d->dns)
		return;
	server_free(TAKE_PTR(d->dns));
	if (!d->stopping)
		helper_tell_dns(d);
}

void dns_changed(struct daemon *d)
{
	struct err ignored = { 0 }; /* said when it was first tried */

	if (d->dns)
		d->dns->stale = true;
	else if (*d->dns_reason && open_server(d, &ignored) < 0)
		log_debug("still no name server");
}
