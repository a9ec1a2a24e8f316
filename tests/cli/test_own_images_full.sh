#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The two commands of somebody with a folder of photographs, with no other argument; then with a .tar.gz of it that has
# train/ and test/.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
export XDG_CACHE_HOME=$work/cache
photos=$ONEPATH_BINARY/tests/cli/photos

"$photos" photos 120 || wrong 'photographs could not be made'
exits 0 init photos --max-latency 60%
cp out folder.yaml
searches folder.yaml
exits 0 eval runs/folder --json
holds 'd["test_accuracy"] > 0.9 and d["test_images"] == 72'

mkdir -p set/flowers/train set/flowers/test
"$photos" set/flowers/train 60 || wrong 'photographs could not be made'
for class in set/flowers/train/*; do
    mkdir "set/flowers/test/${class##*/}"
    for file in "$class"/*1*; do mv "$file" "set/flowers/test/${class##*/}"; done
done
tar -czf flowers.tar.gz -C set .
rm -r set
exits 0 init flowers.tar.gz --max-latency 70% --epochs 30
cp out archive.yaml
says out "/flowers.tar.gz/flowers/test"
searches archive.yaml
exits 0 eval runs/archive --json
holds 'd["test_accuracy"] > 0.8'
finish
