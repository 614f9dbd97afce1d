#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the public toml-test suite through our reader: toml_suite.py DECODER.

The suite's folder is $TOML_TEST_DIR (its tests/ folder), else where Debian's golang-github-burntsushi-toml-dev puts it. It is not
in this repository. Newer copies list the files that TOML 1.0 means in files-toml-1.0.0; older ones are all 1.0.
"""
import json
import math
import os
import pathlib
import re
import subprocess
import sys

DEBIAN = "/usr/share/gocode/src/github.com/BurntSushi/toml/internal/toml-test/tests"
NEWER = {"valid/string/escape-esc.toml"}  # \e is TOML 1.1; in suites that do not say which version a file means
LEAST = 300  # the smallest published suite for TOML 1.0 has more files


def suite_files(root):
    listing = root / "files-toml-1.0.0"
    if listing.exists():
        names = listing.read_text().split()
        return [root / n for n in names if n.endswith(".toml")]
    files = list(root.glob("valid/**/*.toml")) + list(root.glob("invalid/**/*.toml"))
    for multi in root.glob("invalid/**/*.multi"):
        files.append(multi)
    return sorted(files)


def normal_time(text):
    """One spelling of a time: T, no trailing zeros in the fraction, Z as an offset, at most microseconds compared."""
    text = text.replace(" ", "T").upper().replace("Z", "+00:00")
    found = re.fullmatch(r"(.*\d\d:\d\d:\d\d)(?:\.(\d+))?(.*)", text)
    if not found:
        return text
    return found[1] + "." + (found[2] or "").ljust(9, "0")[:3] + found[3].replace("-00:00", "+00:00")


def same(got, want):
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(same, got, want))
    if not isinstance(want, dict) or not isinstance(got, dict):
        return False
    if set(want) == {"type", "value"} and isinstance(want["type"], str):
        if want["type"] == "array":  # suites before 1.0 wrapped arrays
            return same(got, want["value"])
        if got.get("type") != want["type"]:
            return False
        a, b = got["value"], want["value"]
        if want["type"] == "float":
            return float(a) == float(b) or (math.isnan(float(a)) and math.isnan(float(b)))
        if want["type"] in ("datetime", "datetime-local", "date-local", "time-local"):
            return normal_time(a) == normal_time(b)
        if want["type"] == "string":
            return a.replace("\r\n", "\n") == b.replace("\r\n", "\n")  # a reader may normalise line ends
        return a == b
    return set(got) == set(want) and all(same(got[k], want[k]) for k in want)


def documents(path):
    """The documents of a file: itself, or, of a .multi file, each of its lines."""
    data = path.read_bytes()
    if path.suffix != ".multi":
        return [data]
    lines = [line for line in data.split(b"\n") if line.strip() and not line.startswith(b"#")]
    return [re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), line) for line in lines]


def check(decoder, path, data):
    ran = subprocess.run([decoder], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if ran.returncode not in (0, 1):
        return f"decoder ended with status {ran.returncode}: {ran.stderr.decode(errors='replace')}"
    if "invalid" in path.parts:
        if ran.returncode == 0:
            return f"accepted as {ran.stdout.decode(errors='replace').strip()}"
        if not re.match(rb"stdin:\d+:\d+: ", ran.stderr):
            return f"error without a position: {ran.stderr.decode(errors='replace')}"
        return None
    if ran.returncode:
        return f"refused: {ran.stderr.decode(errors='replace').strip()}"
    want = json.loads(path.with_suffix(".json").read_bytes())
    got = json.loads(ran.stdout)
    return None if same(got, want) else f"got {got}, not {want}"


def main():
    root = pathlib.Path(os.environ.get("TOML_TEST_DIR") or DEBIAN)
    if not root.is_dir():
        print(f"skipped: no toml-test suite in {root} (package golang-github-burntsushi-toml-dev, or set TOML_TEST_DIR)")
        return 77
    files = [f for f in suite_files(root) if str(f.relative_to(root)) not in NEWER]
    failed = 0
    for path in files:
        for data in documents(path):
            wrong = check(sys.argv[1], path, data)
            if wrong:
                failed += 1
                print(f"{path.relative_to(root)}: {wrong}")
    print(f"{len(files)} files of {root}, {failed} wrong")
    return 1 if failed or len(files) < LEAST else 0


sys.exit(main())
