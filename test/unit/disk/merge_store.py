#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""merge_store.py IMAGE STORE ROOT_BYTES OUT: what a guest's kernel would see, as a plain image. Written after the kernel's documentation of the
snapshot target, not after src/disk."""
import os
import struct
import sys


def data_of(file):
    """(offset, bytes) of all that is no hole, in pieces of 1 MiB at most."""
    at, size = 0, os.fstat(file.fileno()).st_size
    while at < size:
        try:
            at = os.lseek(file.fileno(), at, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
        while at < end:
            block = os.pread(file.fileno(), min(1 << 20, end - at), at)
            yield at, block
            at += len(block)


def pairs(store, chunk):
    """Every (old, new) of the tables: areas of one chunk, from chunk 1 on, each followed by the chunks it can describe."""
    per_area = chunk // 16
    for area in range(1 << 32):
        store.seek((1 + area * (per_area + 1)) * chunk)
        table = store.read(chunk)
        assert len(table) == chunk, "table without an end"
        for old, new in struct.iter_unpack("<QQ", table):
            if new == 0:
                return
            yield old, new


def merge(image, store, root_bytes, out):
    with open(image, "rb") as base, open(store, "rb") as kept, open(out, "wb") as merged:
        for at, block in data_of(base):
            merged.seek(at)
            merged.write(block)
        size = max(root_bytes, base.seek(0, 2))
        merged.truncate(size)
        magic, valid, version, sectors = struct.unpack("<4sIII", kept.read(16))
        if magic == bytes(4):
            return
        assert (magic, valid, version) == (b"SnAp", 1, 1), (magic, valid, version)
        seen = set()
        for old, new in list(pairs(kept, sectors * 512)):
            assert old not in seen, f"chunk {old} twice"
            seen.add(old)
            kept.seek(new * sectors * 512)
            merged.seek(old * sectors * 512)
            merged.write(kept.read(sectors * 512))
        merged.truncate(size)


if __name__ == "__main__":
    merge(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
