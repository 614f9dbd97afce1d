/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Netlink without a library: a socket, messages built into its buffer, replies with the kernel's own words (extended acks) as
 * struct err. Formats: linux/netlink.h, linux/rtnetlink.h, linux/netfilter/nfnetlink.h. Numbers are in host order for rtnetlink and
 * big-endian for nftables: the _be32 call says so. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

struct netlink;

/* A received message; body points into the receive buffer and holds until the callback returns. */
struct netlink_msg {
	uint16_t type, flags;
	uint32_t seq;
	const unsigned char *body;
	size_t size; /* of body */
};

/* type is without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
struct netlink_attr {
	uint16_t type;
	const unsigned char *data;
	size_t size;
};

/* What an NLMSG_ERROR or NLMSG_DONE says: 0 or an errno, and the kernel's text or "". */
struct netlink_result {
	int sys;
	char text[160];
};

/* 0 to go on, 1 to stop reading this buffer, -1 with e filled. */
typedef int (*netlink_each_fn)(const struct netlink_msg *m, void *arg, struct err *e);

/* protocol: NETLINK_ROUTE, NETLINK_NETFILTER. Works in the caller's network namespace. */
MUST int netlink_open(int protocol, struct netlink **ret, struct err *e);
void netlink_free(struct netlink *n);
AUTO_DEFINE(struct netlink, netlink_free);

/* Begins a message; NLM_F_REQUEST is added, and NLM_F_ACK too unless flags hold NLM_F_DUMP or quiet is wanted. body is the fixed header
 * after nlmsghdr. what names the act for errors ("set address") and is static text. */
void netlink_begin(struct netlink *n, unsigned type, unsigned flags, const void *body, size_t size, const char *what);
/* The same without an acknowledgement: the borders of an nftables batch. */
void netlink_begin_quiet(struct netlink *n, unsigned type, const void *body, size_t size);
/* This errno counts as success of the message last begun. */
void netlink_allow(struct netlink *n, int sys);
void netlink_put(struct netlink *n, unsigned type, const void *data, size_t size);
void netlink_put_str(struct netlink *n, unsigned type, const char *s);
void netlink_put_u8(struct netlink *n, unsigned type, uint8_t v);
void netlink_put_u32(struct netlink *n, unsigned type, uint32_t v);
void netlink_put_be32(struct netlink *n, unsigned type, uint32_t v);
/* Opens a nest; netlink_nest_end takes what it returned. */
size_t netlink_nest(struct netlink *n, unsigned type);
void netlink_nest_end(struct netlink *n, size_t nest);

/* Sends what was built and reads every answer. Rtnetlink carries the messages out one by one and goes on after a failure; a batch between nftables'
 * borders is all or nothing. The error is the first one not allowed, "set address (the kernel's text): Invalid argument". */
MUST int netlink_run(struct netlink *n, struct err *e);
/* The same for one question (a dump or a get): each is called for every answer. ERR_BUSY when a dump was interrupted by changes. */
MUST int netlink_query(struct netlink *n, netlink_each_fn each, void *arg, struct err *e);

/* Walks the messages of a received buffer. ERR_CORRUPT when a length leads outside. Pure. */
MUST int netlink_walk(const void *buf, size_t size, netlink_each_fn each, void *arg, struct err *e);
/* The next attribute from *at, moving it; false at the end or when what is left is no attribute. Pure. */
bool netlink_attr_next(const unsigned char **at, size_t *left, struct netlink_attr *ret);
/* Finds an attribute; false when it is not there. */
bool netlink_attr_find(const unsigned char *at, size_t left, unsigned type, struct netlink_attr *ret);
/* False when the attribute has another size. */
bool netlink_attr_u8(const struct netlink_attr *a, uint8_t *ret);
bool netlink_attr_u32(const struct netlink_attr *a, uint32_t *ret);
/* The text copied to out, cut at room - 1. */
void netlink_attr_str(const struct netlink_attr *a, char *out, size_t room);
/* Reads an NLMSG_ERROR or NLMSG_DONE. ERR_CORRUPT when it is too short. Pure. */
MUST int netlink_result(const struct netlink_msg *m, struct netlink_result *ret, struct err *e);
