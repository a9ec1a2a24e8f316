#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A model of ours as ONNX, by way of PyTorch, so that a peer runs the same network with the same weights.

usage: peer_onnx.py MODEL_FOLDER OUT.onnx      (as written by `build/bench/infer NETWORK --save FOLDER`)

The network is read from arch.json, its weights from model.safetensors; batch norms are left to the exporter to fold.
"""
import json
import struct
import sys
import warnings

import torch
from torch import nn


def read_tensors(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    return {name: torch.frombuffer(bytearray(data[t["data_offsets"][0] : t["data_offsets"][1]]), dtype=torch.float32)
            .reshape(t["shape"]) for name, t in header.items() if name != "__metadata__"}


def conv_bn(tensors, name, stride, eps, act=True):
    w = tensors[name + ".weight"]  # [k][k][in][out], depthwise [k][k][1][c]
    k, _, cin, cout = w.shape
    groups = cout if name.endswith("depthwise") else 1
    conv = nn.Conv2d(cin * groups, cout, k, stride, k // 2, groups=groups, bias=False)
    bn = nn.BatchNorm2d(cout, eps=eps)
    conv.weight.data = w.permute(3, 2, 0, 1).contiguous()
    bn.weight.data, bn.bias.data = tensors[name + ".bn.gamma"], tensors[name + ".bn.beta"]
    bn.running_mean, bn.running_var = tensors[name + ".bn.stats"]
    return [conv, bn] + ([nn.ReLU6()] if act else [])


class Block(nn.Module):
    def __init__(self, tensors, prefix, stride, skip, eps):
        super().__init__()
        parts = conv_bn(tensors, prefix + ".expand", 1, eps) if prefix + ".expand.weight" in tensors else []
        parts += conv_bn(tensors, prefix + ".depthwise", stride, eps)
        parts += conv_bn(tensors, prefix + ".project", 1, eps, act=False)
        self.body, self.skip = nn.Sequential(*parts), skip

    def forward(self, x):
        return x + self.body(x) if self.skip else self.body(x)


class Net(nn.Module):
    def __init__(self, arch, tensors):
        super().__init__()
        eps = arch["bn"]["eps"]
        parts = conv_bn(tensors, "blocks.0.conv", arch["first_conv"]["stride"], eps)
        i = 1
        for b in arch["blocks"]:
            op = b["mobile_inverted_conv"]
            if op["name"] != "ZeroLayer":
                parts.append(Block(tensors, f"blocks.{i}", op["stride"], b["shortcut"] is not None, eps))
            i += 1
        if arch.get("feature_mix_layer"):
            parts += conv_bn(tensors, f"blocks.{i}.conv", 1, eps)
            i += 1
        w, bias = tensors[f"blocks.{i}.linear.weight"], tensors[f"blocks.{i}.linear.bias"]
        self.features, self.fc = nn.Sequential(*parts), nn.Linear(w.shape[2], w.shape[3])
        self.fc.weight.data, self.fc.bias.data = w[0, 0].t().contiguous(), bias

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


def main():
    folder, out = sys.argv[1:3]
    warnings.simplefilter("ignore")
    with open(folder + "/arch.json", encoding="utf-8") as f:
        arch = json.load(f)
    net = Net(arch, read_tensors(folder + "/model.safetensors")).eval()
    side = arch.get("resolution", 224)
    h, w = side if isinstance(side, list) else (side, side)
    with torch.no_grad():
        torch.onnx.export(net, torch.zeros(1, arch["first_conv"]["in_channels"], h, w), out, input_names=["x"],
                          output_names=["y"], opset_version=13)


if __name__ == "__main__":
    main()
