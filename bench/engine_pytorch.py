"""The stage of bench/engine.ts in PyTorch: a child process that measures when it is told to.

Writes one JSON line {"kernel": …, "torch": …}, then answers every line "SHAPE-JSON ITERATIONS" on standard input with
one JSON line {"forward": [milliseconds …], "both": [milliseconds …]}.
"""

import ctypes
import json
import math
import os
import sys
import time

import torch
import torch.nn.functional as F

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))
torch.set_num_threads(THREADS)
torch.manual_seed(1)


def kernel_name():
    """The core type that OpenBLAS runs, or what PyTorch says about its BLAS."""
    # The first product loads what is loaded late.
    torch.mm(torch.ones(8, 8), torch.ones(8, 8))
    try:
        with open("/proc/self/maps") as maps:
            paths = {line.split()[-1] for line in maps if "openblas" in line}
    except OSError:
        paths = set()
    for path in sorted(paths):
        try:
            name = ctypes.CDLL(path).openblas_get_corename
        except (OSError, AttributeError):
            continue
        name.restype = ctypes.c_char_p
        return f"OpenBLAS {name().decode()}"
    return "MKL" if torch.backends.mkl.is_available() else "BLAS without a name"


class Norm(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def rotate_half(x):
    first, second = x.chunk(2, dim=-1)
    return torch.cat([-second, first], dim=-1)


class Block(torch.nn.Module):
    def __init__(self, width, heads, hidden, context):
        super().__init__()
        linear = lambda a, b: torch.nn.Linear(a, b, bias=False)
        self.heads = heads
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.query, self.key, self.value, self.output = (linear(width, width) for _ in range(4))
        self.gate, self.up, self.down = linear(width, hidden), linear(width, hidden), linear(hidden, width)
        half = width // heads // 2
        angles = torch.outer(torch.arange(context).float(), 1e4 ** (-torch.arange(half).float() / half))
        angles = torch.cat([angles, angles], dim=-1)
        self.cos, self.sin = angles.cos(), angles.sin()
        self.mask = torch.full([context, context], -math.inf).triu(1)

    def attention(self, x):
        samples, context, width = x.shape
        split = lambda y: y.view(samples, context, self.heads, width // self.heads).transpose(1, 2)
        rotary = lambda y: y * self.cos + rotate_half(y) * self.sin
        query, key = rotary(split(self.query(x))), rotary(split(self.key(x)))
        scores = query @ key.transpose(2, 3) / math.sqrt(width // self.heads) + self.mask
        mixed = scores.softmax(-1) @ split(self.value(x))
        return self.output(mixed.transpose(1, 2).reshape(samples, context, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


STAGES = {}


def measure(text, iterations):
    shape = json.loads(text)
    if text not in STAGES:
        sizes = (shape["width"], shape["heads"], shape["hidden"], shape["context"])
        STAGES[text] = torch.nn.Sequential(*(Block(*sizes) for _ in range(shape["blocks"])))
    stage = STAGES[text]
    size = (shape["samples"], shape["context"], shape["width"])
    forward, both = [], []
    for _ in range(iterations):
        x, gradient = torch.randn(size, requires_grad=True), torch.randn(size)
        start = time.perf_counter()
        y = stage(x)
        middle = time.perf_counter()
        y.backward(gradient)
        end = time.perf_counter()
        forward.append(1000 * (middle - start))
        both.append(1000 * (end - start))
    return {"forward": forward, "both": both}


print(json.dumps({"kernel": kernel_name(), "torch": torch.__version__}), flush=True)
for line in sys.stdin:
    described, count = line.rsplit(" ", 1)
    print(json.dumps(measure(described, int(count))), flush=True)
