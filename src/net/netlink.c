/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/netlink.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"

enum {
	SEND_MAX = 64 * 1024,    /* our largest batch is far below; the kernel's socket buffer is 208 KiB */
	RECEIVE_ROOM = 64 * 1024, /* the kernel fills at most 32 KiB at once */
	ALLOW_MAX = 2,
	ANSWER_SECONDS = 5,
};

struct pending {
	uint32_t seq;
	const char *what;
	int allow[ALLOW_MAX];
	bool answer; /* one is to come */
};

struct netlink {
	int fd, protocol;
	uint32_t seq;
	struct str out;
	size_t at; /* where the message being built begins */
	struct pending *pending;
	size_t n_pending, n_answers;
	unsigned char *in;
};

static MUST int socket_open(int protocol, int *ret_fd, struct err *e)
{
	const struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	const int on = 1;
	AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return err_sys(e, errno, "open a netlink socket");
	/* Without these two errors only lack the kernel's words. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return err_sys(e, errno, "set the time limit of a netlink socket");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int netlink_open(int protocol, struct netlink **ret, struct err *e)
{
	int fd;

	if (socket_open(protocol, &fd, e) < 0)
		return -1;
	struct netlink *n = NEW(struct netlink);
	n->fd = fd;
	n->protocol = protocol;
	n->in = mem_new(RECEIVE_ROOM);
	*ret = n;
	return 0;
}

static void forget(struct netlink *n)
{
	free(n->pending);
	n->pending = NULL;
	n->n_pending = n->n_answers = 0;
	n->out.len = 0;
}

void netlink_free(struct netlink *n)
{
	if (!n)
		return;
	forget(n);
	str_done(&n->out);
	free(n->in);
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

/* Appends size bytes and zeros up to the alignment, and keeps the message's length true. */
static void append(struct netlink *n, const void *p, size_t size)
{
	static const char zeros[NLMSG_ALIGNTO];

	assert(size <= SEND_MAX && n->out.len + NLMSG_ALIGN(size) <= SEND_MAX);
	str_add_bytes(&n->out, p, size);
	str_add_bytes(&n->out, zeros, NLMSG_ALIGN(size) - size);
	uint32_t length = (uint32_t)(n->out.len - n->at);
	memcpy(n->out.data + n->at + offsetof(struct nlmsghdr, nlmsg_len), &length, sizeof(length));
}

static void begin(struct netlink *n, unsigned type, unsigned flags, const void *body, size_t size, const char *what)
{
	const struct nlmsghdr h = { .nlmsg_type = (uint16_t)type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags), .nlmsg_seq = ++n->seq };

	n->pending = mem_grow(n->pending, n->n_pending, sizeof(*n->pending));
	n->pending[n->n_pending++] = (struct pending){ .seq = n->seq, .what = what, .answer = flags & NLM_F_ACK };
	n->n_answers += (flags & NLM_F_ACK) != 0;
	n->at = n->out.len;
	str_add_bytes(&n->out, &h, sizeof(h));
	append(n, body, size);
}

void netlink_begin(struct netlink *n, unsigned type, unsigned flags, const void *body, size_t size, const char *what)
{
	/* NLM_F_EXCL is one of NLM_F_DUMP's two bits, so look for both. */
	begin(n, type, (flags & NLM_F_DUMP) == NLM_F_DUMP ? flags : flags | NLM_F_ACK, body, size, what);
}

void netlink_begin_quiet(struct netlink *n, unsigned type, const void *body, size_t size)
{
	begin(n, type, 0, body, size, "batch");
}

void netlink_allow(struct netlink *n, int sys)
{
	struct pending *p = &n->pending[n->n_pending - 1];
	int i = 0;

	while (p->allow[i]) {
		i++;
		assert(i < ALLOW_MAX);
	}
	p->allow[i] = sys;
}

void netlink_put(struct netlink *n, unsigned type, const void *data, size_t size)
{
	const struct nlattr a = { .nla_type = (uint16_t)type, .nla_len = (uint16_t)(sizeof(a) + size) };

	assert(size <= UINT16_MAX - sizeof(a));
	append(n, &a, sizeof(a));
	append(n, data, size);
}

void netlink_put_str(struct netlink *n, unsigned type, const char *s)
{
	netlink_put(n, type, s, strlen(s) + 1);
}

void netlink_put_u8(struct netlink *n, unsigned type, uint8_t v)
{
	netlink_put(n, type, &v, sizeof(v));
}

void netlink_put_u32(struct netlink *n, unsigned type, uint32_t v)
{
	netlink_put(n, type, &v, sizeof(v));
}

void netlink_put_be32(struct netlink *n, unsigned type, uint32_t v)
{
	netlink_put_u32(n, type, htonl(v));
}

size_t netlink_nest(struct netlink *n, unsigned type)
{
	size_t at = n->out.len;

	netlink_put(n, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void netlink_nest_end(struct netlink *n, size_t nest)
{
	uint16_t length = (uint16_t)(n->out.len - nest);

	assert(n->out.len - nest <= UINT16_MAX);
	memcpy(n->out.data + nest + offsetof(struct nlattr, nla_len), &length, sizeof(length));
}

int netlink_walk(const void *buf, size_t size, netlink_each_fn each, void *arg, struct err *e)
{
	const unsigned char *at = buf;

	while (size >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;

		memcpy(&h, at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > size)
			return err_set(e, ERR_CORRUPT, "netlink message of %u bytes where %zu are", h.nlmsg_len, size);
		const struct netlink_msg m = { h.nlmsg_type, h.nlmsg_flags, h.nlmsg_seq, at + sizeof(h), h.nlmsg_len - sizeof(h) };
		int more = each(&m, arg, e);
		if (more)
			return more < 0 ? -1 : 0;
		size_t step = NLMSG_ALIGN((size_t)h.nlmsg_len);
		step = step < size ? step : size; /* the last one may lack its padding */
		at += step;
		size -= step;
	}
	if (size)
		return err_set(e, ERR_CORRUPT, "%zu bytes behind the last netlink message", size);
	return 0;
}

bool netlink_attr_next(const unsigned char **at, size_t *left, struct netlink_attr *ret)
{
	struct nlattr a;

	if (*left < sizeof(a))
		return false;
	memcpy(&a, *at, sizeof(a));
	if (a.nla_len < sizeof(a) || a.nla_len > *left)
		return false;
	*ret = (struct netlink_attr){ a.nla_type & NLA_TYPE_MASK, *at + sizeof(a), a.nla_len - sizeof(a) };
	size_t step = NLA_ALIGN((size_t)a.nla_len);
	step = step < *left ? step : *left;
	*at += step;
	*left -= step;
	return true;
}

bool netlink_attr_find(const unsigned char *at, size_t left, unsigned type, struct netlink_attr *ret)
{
	struct netlink_attr a;

	while (netlink_attr_next(&at, &left, &a))
		if (a.type == type) {
			*ret = a;
			return true;
		}
	return false;
}

bool netlink_attr_u8(const struct netlink_attr *a, uint8_t *ret)
{
	if (a->size != sizeof(*ret))
		return false;
	*ret = a->data[0];
	return true;
}

bool netlink_attr_u32(const struct netlink_attr *a, uint32_t *ret)
{
	if (a->size != sizeof(*ret))
		return false;
	memcpy(ret, a->data, sizeof(*ret));
	return true;
}

void netlink_attr_str(const struct netlink_attr *a, char *out, size_t room)
{
	size_t n = strnlen((const char *)a->data, a->size);

	n = n < room ? n : room - 1;
	memcpy(out, a->data, n);
	out[n] = 0;
}

int netlink_result(const struct netlink_msg *m, struct netlink_result *ret, struct err *e)
{
	struct nlmsghdr asked;
	struct netlink_attr text;
	size_t at = sizeof(int32_t);
	int32_t error = 0;

	if (m->size < at && m->type == NLMSG_DONE) { /* nftables ends its dumps so on some kernels */
		*ret = (struct netlink_result){ 0 };
		return 0;
	}
	if (m->size < at || (m->type == NLMSG_ERROR && m->size < at + sizeof(asked)))
		return err_set(e, ERR_CORRUPT, "netlink answer of %zu bytes", m->size);
	memcpy(&error, m->body, sizeof(error));
	if (error > 0 || error < -4095)
		return err_set(e, ERR_CORRUPT, "netlink answer with error %d", error);
	*ret = (struct netlink_result){ .sys = -error };
	if (m->type == NLMSG_ERROR) { /* our own message is repeated, whole or only its header */
		memcpy(&asked, m->body + at, sizeof(asked));
		at += m->flags & NLM_F_CAPPED ? sizeof(asked) : NLMSG_ALIGN((size_t)asked.nlmsg_len);
	}
	if (m->flags & NLM_F_ACK_TLVS && at <= m->size && netlink_attr_find(m->body + at, m->size - at, NLMSGERR_ATTR_MSG, &text))
		netlink_attr_str(&text, ret->text, sizeof(ret->text));
	return 0;
}

struct reading {
	struct netlink *n;
	netlink_each_fn each; /* NULL: acknowledgements only */
	void *arg;
	bool done, interrupted, failed;
	struct err first; /* of the messages, when failed */
};

static void failure(const char *what, const struct netlink_result *r, struct err *e)
{
	if (r->text[0])
		err_sys(e, r->sys, "%s (%s)", what, r->text);
	else
		err_sys(e, r->sys, "%s", what);
}

static void settle(struct reading *rd, const struct netlink_msg *m, const struct netlink_result *r)
{
	struct netlink *n = rd->n;

	for (size_t i = 0; i < n->n_pending; i++) {
		struct pending *p = &n->pending[i];
		bool allowed = r->sys == 0;

		if (p->seq != m->seq)
			continue;
		if (p->answer)
			n->n_answers--;
		p->answer = false;
		for (int k = 0; k < ALLOW_MAX; k++)
			allowed |= p->allow[k] == r->sys;
		if (!allowed && !rd->failed)
			failure(p->what, r, &rd->first);
		rd->failed |= !allowed;
	}
}

static int receive_one(const struct netlink_msg *m, void *arg, struct err *e)
{
	struct reading *rd = arg;
	struct netlink_result r;

	if (m->seq - rd->n->pending[0].seq >= rd->n->n_pending)
		return 0; /* of an exchange that was given up */
	if (m->flags & NLM_F_DUMP_INTR)
		rd->interrupted = true;
	if (m->type == NLMSG_ERROR || m->type == NLMSG_DONE) {
		if (netlink_result(m, &r, e) < 0)
			return -1;
		settle(rd, m, &r);
		rd->done = true; /* a dump that fails ends with the error */
		return 0;
	}
	return rd->each && m->type >= NLMSG_MIN_TYPE ? rd->each(m, rd->arg, e) : 0;
}

/* The kernel answers during the send, but for dumps; so after a failure only what lies there is read. */
static MUST int receive(struct netlink *n, struct reading *rd, bool dump, struct err *e)
{
	while (dump ? !rd->done && !rd->failed : n->n_answers > 0) {
		ssize_t got = recv(n->fd, n->in, RECEIVE_ROOM, MSG_TRUNC | (rd->failed ? MSG_DONTWAIT : 0));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && rd->failed)
			return 0;
		if (got < 0)
			return err_sys(e, errno == EAGAIN ? ETIMEDOUT : errno, "%s: no answer", n->pending[0].what);
		if (got > RECEIVE_ROOM)
			return err_set(e, ERR_CORRUPT, "%s: netlink answer of %zd bytes", n->pending[0].what, got);
		if (netlink_walk(n->in, (size_t)got, receive_one, rd, e) < 0)
			return -1;
	}
	return 0;
}

static MUST int exchange(struct netlink *n, struct reading *rd, bool dump, struct err *e)
{
	if (n->fd < 0 && socket_open(n->protocol, &n->fd, e) < 0)
		return -1;
	if (send(n->fd, n->out.data, n->out.len, 0) < 0)
		return err_sys(e, errno, "%s: send to the kernel", n->pending[0].what);
	return receive(n, rd, dump, e);
}

static MUST int transact(struct netlink *n, struct reading *rd, bool dump, struct err *e)
{
	if (exchange(n, rd, dump, e) < 0) { /* answers may still come; a new socket does not get them */
		if (n->fd >= 0)
			close(n->fd);
		n->fd = -1;
		return -1;
	}
	if (rd->failed) {
		*e = rd->first;
		return -1;
	}
	if (rd->interrupted)
		return err_set(e, ERR_BUSY, "%s: the list changed while it was read", n->pending[0].what);
	return 0;
}

int netlink_run(struct netlink *n, struct err *e)
{
	struct reading rd = { .n = n };
	int rc = n->out.len ? transact(n, &rd, false, e) : 0;

	forget(n);
	return rc;
}

int netlink_query(struct netlink *n, netlink_each_fn each, void *arg, struct err *e)
{
	struct nlmsghdr h;

	memcpy(&h, n->out.data + n->at, sizeof(h));
	struct reading rd = { .n = n, .each = each, .arg = arg };
	int rc = transact(n, &rd, (h.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP, e);

	forget(n);
	return rc;
}
