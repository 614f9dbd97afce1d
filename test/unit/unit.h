/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The one include of every unit test: cmocka with its prerequisites, and asserts on struct err. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

/* The call succeeds; otherwise its error is printed. Needs a struct err named e, empty before. */
#define assert_ok(call)                                                        \
	do {                                                                   \
		if ((call) < 0)                                                \
			fail_msg("%s: %s (%s)", #call, e.msg, err_code_name(e.code)); \
		assert_int_equal(e.code, ERR_NONE);                            \
	} while (0)
/* The call fails with this code; e is emptied again. */
#define assert_err(call, want)                                                    \
	do {                                                                      \
		assert_int_equal((call), -1);                                     \
		if (e.code != (want))                                             \
			fail_msg("%s: %s (%s), not %s", #call, e.msg, err_code_name(e.code), err_code_name(want)); \
		e = (struct err){ 0 };                                            \
	} while (0)
