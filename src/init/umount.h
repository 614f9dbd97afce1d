/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The end of the file systems. */

/* Unmounts what can be, newest first; what cannot, the root among them, becomes read-only. All is on disk then. */
void umount_all(void);
