"""The program's seeded random numbers (SplitMix64), so that recorders need not store what both sides can make."""

import math

import numpy as np

MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15


def units(seed, count):
    """The first numbers in 0...1 of `SeededRandom(seed)`."""
    with np.errstate(over="ignore"):
        bits = np.uint64(seed & MASK) + np.uint64(STEP) * np.arange(1, count + 1, dtype=np.uint64)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    return (bits >> np.uint64(40)).astype(np.float32) * np.float32(2.0 ** -24)


def uniform(seed, shape, low, high):
    """As `SeededRandom.uniform`, in row-major order."""
    low, high = np.float32(low), np.float32(high)
    return (low + (high - low) * units(seed, math.prod(shape))).reshape(shape)


def seed_of(seed, name):
    """The seed of a layer's weights: FNV-1a of its name with the network's seed."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & MASK
    return value ^ (seed * STEP & MASK)


def initial_weights(seed, name, shape, kind, groups=1):
    """The first weights of a convolution, as `Initialization` makes them; normal ones to float32's rounding."""
    area = shape[2] * shape[3]
    fan_in, fan_out = shape[1] * area, shape[0] // groups * area
    seed = seed_of(seed, name)
    if kind == "xavier":
        limit = np.sqrt(np.float32(6) / np.float32(fan_in + fan_out))
        return uniform(seed, shape, -limit, limit)
    pairs = units(seed, 2 * math.prod(shape)).reshape(-1, 2)
    radius = np.sqrt(-2 * np.log(1 - pairs[:, 0]))
    normal = radius * np.cos(np.float32(2 * np.pi) * pairs[:, 1])
    if kind == "faint":
        return (np.float32(0.01) * normal).astype(np.float32).reshape(shape)
    deviation = np.sqrt(np.float32(2) / np.float32(fan_in if kind == "kaiming_fan_in" else fan_out))
    return (deviation * normal).astype(np.float32).reshape(shape)
