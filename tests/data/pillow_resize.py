#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes pillow_resize.h: what Pillow makes of pixels that test_prepare.c makes too.

    /usr/bin/python3 tests/data/pillow_resize.py > tests/data/pillow_resize.h

Made with Pillow 9.4.0 (Debian 12's python3-pil).
"""
import hashlib

from PIL import Image

CASES = [(7, 5, 3, 3), (5, 7, 12, 9), (64, 48, 10, 10), (301, 200, 32, 32), (200, 301, 64, 48), (3, 999, 16, 4),
         (33, 17, 33, 8), (33, 17, 8, 17), (1, 1, 5, 4), (1000, 2, 1, 1)]


def pixels(w, h, c):
    """A linear congruential generator over rows, columns, channels."""
    state, out = w * 65536 + h, bytearray()
    for _ in range(w * h * c):
        state = (state * 1103515245 + 12345) % 2**31
        out.append(state >> 16 & 255)
    return bytes(out)


print("/* SPDX-License-Identifier: Apache-2.0 */")
print("/* Made by pillow_resize.py. */")
print("static const struct {\n    int w, h, c, to_w, to_h;\n    const char *sha256;\n} pillow_resized[] = {")
for w, h, to_w, to_h in CASES:
    for c in (1, 3):
        image = Image.frombytes("L" if c == 1 else "RGB", (w, h), pixels(w, h, c))
        data = image.resize((to_w, to_h), Image.BILINEAR).tobytes()
        print(f'    {{{w}, {h}, {c}, {to_w}, {to_h}, "{hashlib.sha256(data).hexdigest()}"}},')
print("};")
