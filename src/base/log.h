/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Structured log to standard error: one line each, fixed text and key=value pairs, <N> journal prefix when systemd reads it. */

enum log_level { LOG_DEBUG_, LOG_INFO_, LOG_WARN_, LOG_ERROR_ };

/* Sets the least level shown, the role named in each line; from BANGER_LOG_LEVEL when level is NULL, else "debug", "info", "warn", "error". */
void log_open(const char *role, const char *level);
/* The op id stamped on every line until changed; NULL for none. */
void log_set_op(const char *op);
/* Pairs of const char * key and value, ended by NULL. Secrets never enter here. */
void log_write(enum log_level level, const char *text, ...) __attribute__((sentinel));
#define log_debug(...) log_write(LOG_DEBUG_, __VA_ARGS__, (char *)0)
#define log_info(...) log_write(LOG_INFO_, __VA_ARGS__, (char *)0)
#define log_warn(...) log_write(LOG_WARN_, __VA_ARGS__, (char *)0)
#define log_error(...) log_write(LOG_ERROR_, __VA_ARGS__, (char *)0)
