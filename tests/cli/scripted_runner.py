#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A runner whose times are a formula, for tests of what is made of them:

    scripted_runner.py [--device NAME] [--os TEXT] [--scale S] [--no-stamps] [--kernels HASH]

A block takes the multiply-accumulates of its convolutions and a little for each output, in ns and
times S; a network 1.25 times the sum of its blocks and 20 us, within half a percent (without
stamps less, for differences are taken).
"""
import argparse
import json
import sys

p = argparse.ArgumentParser()
p.add_argument("--device", default="scripted")
p.add_argument("--os", default="Linux 6.1")
p.add_argument("--scale", type=float, default=1.0)
p.add_argument("--kernels", default="1")
p.add_argument("--no-stamps", action="store_true")
a = p.parse_args()


def say(**message):
    print(json.dumps(message), flush=True)


def size(shape):
    n = 1
    for d in shape:
        n *= d
    return n


def times(graph):
    """ns of each group of nodes."""
    shape = [t["shape"] for t in graph["tensors"]]
    groups = {}
    for node in graph["nodes"]:
        out = shape[node["out"][0]]
        cost = 3 * size(out)
        if len(node["in"]) > 1 and len(out) == 4:
            cost += size(shape[node["in"][1]]) * out[1] * out[2]
        elif len(node["in"]) > 1:
            cost += 100 * size(shape[node["in"][1]])
        group = node.get("group", 0)
        groups[group] = groups.get(group, 0) + cost * a.scale
    return [groups[g] for g in sorted(groups)]


n_asked = 0
for line in sys.stdin:
    m = json.loads(line)
    if m["message"] == "hello":
        say(message="hello", version=m["version"], accepts=["graph"], stamps=not a.no_stamps,
            platform={"device": a.device, "backend": "scripted", "kernel_hash": a.kernels,
                      "precision": "f32", "cluster": "any", "cache_mode": "isolated", "threads": 1,
                      "batch": 1},
            run={"os": a.os, "clock_khz": 1000000})
    elif m["message"] == "measure":
        n_asked += 1
        group_ns = times(m["graph"])
        noise = 1 + (n_asked * 37 % 11 - 5) / (20000 if a.no_stamps else 1000)
        total = round((1.25 * sum(group_ns) + 20000) * noise)
        samples = [max(1, total + i % 3 - 1) for i in range(9)]
        answer = {"samples_ns": samples, "clock_khz": [1000000] * 9, "inner_reps": 1,
                  "n_rejected": 0, "quality": "ok"}
        if m.get("stamps"):
            answer["stamps_ns"] = [[max(1, round(ns * noise)) + i % 2 for i in range(9)]
                                   for ns in group_ns]
        say(message="result", id=m["id"], **answer)
    else:
        say(message="bye")
        break
