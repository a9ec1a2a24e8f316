#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes step.safetensors: two training steps of a small fixed network in PyTorch float64.

    /usr/bin/python3 tests/golden/make_step.py tests/golden/step.safetensors

Needs python3-torch and python3-numpy of Debian 12. The file is committed; this is only run to make it again.
The network is computed by PyTorch alone (NCHW, its own batch norm, cross entropy, autograd and SGD); tensors are
written in the layouts of onepath: activations [n][h][w][c], convolutions [k][k][in][out], depthwise [k][k][1][c],
linear [in][out]. A parameter is named "BLOCK.NAME"; its gradient in step s is "grad<s>.BLOCK.NAME", its value before
the first step "w0...", after step s "w<s>...".

Next to a kink of ReLU6 the gradient of a float32 engine may differ by 1e-3, so of N_SEEDS seeds the one is taken whose
inputs of ReLU6 stay farthest from 0 and 6 in both steps: farther than MARGIN, or there is no file.
"""
import json
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

BATCH, SIZE, CHANNELS, CLASSES = 8, 12, 3, 10
EPS, SMOOTHING, LR, MOMENTUM, DECAY = 1e-3, 0.1, 0.05, 0.9, 4e-5
MARGIN, N_SEEDS = 1e-5, 64
MAX_BYTES = 1 << 20

# kind, output channels, kernel, expansion, stride, adds its input: as in tests/graph/golden_step.c
BLOCKS = [
    ("stem", 8, 3, 0, 1, False),
    ("mbconv", 8, 3, 1, 1, False),
    ("mbconv", 12, 3, 3, 2, False),
    ("mbconv", 12, 5, 6, 1, True),
    ("mbconv", 16, 7, 3, 1, False),
    ("mix", 32, 1, 0, 1, False),
    ("head", CLASSES, 1, 0, 1, False),
]


def make_parameters(rng):
    """Parameters by name, in PyTorch's layouts."""
    params = {}

    def add(name, *shape, scale, shift=0.0):
        params[name] = torch.tensor(shift + scale * rng.standard_normal(shape), requires_grad=True)

    def conv_bn(name, out_c, in_c, k):
        add(name + ".weight", out_c, in_c, k, k, scale=(in_c * k * k) ** -0.5)
        # Wide enough that ReLU6 clamps at both of its ends.
        add(name + ".bn.gamma", out_c, scale=0.5, shift=2.5)
        add(name + ".bn.beta", out_c, scale=0.5, shift=1.0)

    in_c = CHANNELS
    for i, (kind, out_c, k, expand, _, _) in enumerate(BLOCKS):
        if kind in ("stem", "mix"):
            conv_bn(f"{i}.conv", out_c, in_c, k)
        elif kind == "mbconv":
            mid = in_c * expand
            if expand != 1:
                conv_bn(f"{i}.expand", mid, in_c, 1)
            conv_bn(f"{i}.depthwise", mid, 1, k)
            conv_bn(f"{i}.project", out_c, mid, 1)
        else:
            add(f"{i}.linear.weight", out_c, in_c, scale=in_c**-0.5)
            add(f"{i}.linear.bias", out_c, scale=0.5)
        in_c = out_c
    return params


def forward(params, x):
    """Logits, and the smallest distance of an input of a ReLU6 to 0 or 6."""
    nearest = [float("inf")]

    def conv_bn(name, x, stride=1, relu6=True):
        w = params[name + ".weight"]
        groups = x.shape[1] if w.shape[1] == 1 and x.shape[1] > 1 else 1
        y = F.conv2d(x, w, stride=stride, padding=w.shape[2] // 2, groups=groups)
        y = F.batch_norm(y, None, None, params[name + ".bn.gamma"], params[name + ".bn.beta"], training=True, eps=EPS)
        if not relu6:
            return y
        nearest[0] = min(nearest[0], y.detach().abs().min().item(), (y.detach() - 6).abs().min().item())
        return F.relu6(y)

    for i, (kind, _, _, expand, stride, skip) in enumerate(BLOCKS):
        if kind in ("stem", "mix"):
            x = conv_bn(f"{i}.conv", x, stride)
        elif kind == "mbconv":
            y = conv_bn(f"{i}.expand", x) if expand != 1 else x
            y = conv_bn(f"{i}.depthwise", y, stride)
            y = conv_bn(f"{i}.project", y, relu6=False)
            x = x + y if skip else y
        else:
            x = F.linear(x.mean(dim=(2, 3)), params[f"{i}.linear.weight"], params[f"{i}.linear.bias"])
    return x, nearest[0]


def to_layout(tensor):
    a = tensor.detach().numpy()
    if a.ndim == 4:
        a = a.transpose(2, 3, 1, 0)
    elif a.ndim == 2:
        a = a.T
    return np.ascontiguousarray(a)


def run(seed):
    """The tensors to store, and how near a kink they come."""
    rng = np.random.Generator(np.random.PCG64(seed))
    images = torch.tensor(rng.standard_normal((BATCH, CHANNELS, SIZE, SIZE)))
    labels = rng.integers(0, CLASSES, BATCH)
    params = make_parameters(rng)
    stored = {
        "images": np.ascontiguousarray(images.numpy().transpose(0, 2, 3, 1)),
        "labels": labels.astype(np.int32),
    }
    for name, p in params.items():
        stored["w0." + name] = to_layout(p).copy()
    optimiser = torch.optim.SGD(params.values(), lr=LR, momentum=MOMENTUM, weight_decay=DECAY, nesterov=True)
    nearest = float("inf")
    for step in (1, 2):
        optimiser.zero_grad()
        logits, near = forward(params, images)
        nearest = min(nearest, near)
        loss = F.cross_entropy(logits, torch.tensor(labels), label_smoothing=SMOOTHING)
        loss.backward()
        stored[f"loss{step}"] = np.array([loss.item()])
        stored[f"logits{step}"] = logits.detach().numpy().copy()
        for name, p in params.items():
            stored[f"grad{step}.{name}"] = to_layout(p.grad).copy()
        optimiser.step()
        for name, p in params.items():
            stored[f"w{step}.{name}"] = to_layout(p).copy()
    return stored, nearest


def write_safetensors(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, a in tensors.items():
        begin = len(data)
        data += a.tobytes()
        dtype = {"float64": "F64", "int32": "I32"}[a.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(a.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    total = 8 + len(text) + len(data)
    assert total < MAX_BYTES, f"{total} bytes"
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)
    return total


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    seed = max(range(1, N_SEEDS + 1), key=lambda s: run(s)[1])
    stored, nearest = run(seed)
    assert nearest > MARGIN, f"nearest kink {nearest}"
    metadata = {
        "seed": str(seed),
        "nearest_kink": f"{nearest:.3g}",
        "torch": torch.__version__,
        "numpy": np.__version__,
        "bn_eps": str(EPS),
        "smoothing": str(SMOOTHING),
        "lr": str(LR),
        "momentum": str(MOMENTUM),
        "decay": str(DECAY),
    }
    size = write_safetensors(sys.argv[1], stored, metadata)
    print(f"{sys.argv[1]}: {size} bytes, seed {seed}, nearest kink {nearest:.3g}, "
          f"losses {stored['loss1'][0]:.6f} {stored['loss2'][0]:.6f}")


if __name__ == "__main__":
    main()
