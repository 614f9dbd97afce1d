/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Methods that only read memory, and what others see of the objects. The handlers are declared in proto/io_banger.h. */

struct image_info;
struct kernel_info;
struct object;
struct vm_info;

/* Fill *ret, which the caller gives back with its _done. */
void inline_vm_info(const struct object *o, struct vm_info *ret);
void inline_image_info(const struct object *o, struct image_info *ret);
void inline_kernel_info(const struct object *o, struct kernel_info *ret);
