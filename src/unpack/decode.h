/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Streaming decoders for unpack/stream; nobody else calls them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "unpack/inflate.h"

/* Gives up to n bytes, 0 at the end. */
typedef int (*decode_pull_fn)(void *arg, void *buf, size_t n, size_t *ret_n, struct err *e);

struct decoder;

/* Reads the first bytes and chooses. */
MUST int decoder_new(decode_pull_fn pull, void *arg, struct decoder **ret, struct err *e);
/* Fills buf as far as the input goes; *ret_n < n only at the end. */
MUST int decoder_read(struct decoder *d, void *buf, size_t n, size_t *ret_n, struct err *e);
void decoder_free(struct decoder *d);
AUTO_DEFINE(struct decoder, decoder_free);
