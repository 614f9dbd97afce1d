/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first byte says in what pieces the rest comes; what is decoded must encode to something that decodes to the same. */
#include <assert.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/auto.h"
#include "base/fd.h"
#include "proto/exec_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int null_fd = -1;

static void control(const struct exec_frame *f)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;
	struct exec_control c, again;
	struct err e = { 0 };

	if (exec_control_decode(f->data, f->n, &c, &e) < 0)
		return;
	if (null_fd < 0)
		null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert(exec_control_send(null_fd, &c, FD_FOREVER, &e) == 0);
	exec_control_encode(&c, &s);
	assert(s.len <= EXEC_CONTROL_MAX);
	assert(exec_control_decode(s.data, s.len, &again, &e) == 0);
	assert(again.kind == c.kind && again.credit == c.credit && again.rows == c.rows && again.columns == c.columns);
	assert(again.signal == c.signal && again.status == c.status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_DONE(exec_decoder_done) struct exec_decoder d = { 0 };
	struct exec_frame f;
	struct err e = { 0 };
	size_t piece = size ? *data + 1u : 1;

	for (size_t at = size ? 1 : 0; at < size;) {
		size_t room, n = size - at < piece ? size - at : piece;
		uint8_t *p = exec_decoder_space(&d, &room);
		assert(room);
		n = n < room ? n : room;
		memcpy(p, data + at, n);
		exec_decoder_add(&d, n);
		at += n;
		int rc;
		while ((rc = exec_decoder_next(&d, &f, &e)) > 0)
			if (f.channel == EXEC_CONTROL)
				control(&f);
		if (rc < 0)
			return 0;
	}
	(void)exec_decoder_pending(&d);
	return 0;
}
