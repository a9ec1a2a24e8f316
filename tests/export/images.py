# SPDX-License-Identifier: Apache-2.0
# images.py ARCHIVE OUT PER_CLASS: the first images of each class of the test set in a .tar.gz of image folders.
import os
import sys
import tarfile

archive, out, per_class = sys.argv[1], sys.argv[2], int(sys.argv[3])
count = {}
with tarfile.open(archive) as tar:
    for member in tar:
        parts = member.name.split("/")
        if not member.isfile() or "test" not in parts or count.get(parts[-2], 0) == per_class:
            continue
        count[parts[-2]] = count.get(parts[-2], 0) + 1
        os.makedirs(f"{out}/{parts[-2]}", exist_ok=True)
        with open(f"{out}/{parts[-2]}/{parts[-1]}", "wb") as f:
            f.write(tar.extractfile(member).read())
