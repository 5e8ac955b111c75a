#!/usr/bin/env python3
"""Records what PyTorch's optimizers, schedules and clipping do, for Tests/FathomLearningTests/Recorded/optimizers.json.

    python3 Scripts/record_optimizers.py Tests/FathomLearningTests/Recorded/optimizers.json

Two parameters (7 and 3 numbers) follow made-up gradients, which are recorded with them, for twelve steps.
"""
import json
import sys

import numpy as np
import torch

STEPS = 12
COUNTS = {"a": 7, "b": 3}


def numbers(tensor):
    return [float(np.float32(x)) for x in tensor.detach().flatten().tolist()]


def start():
    generator = torch.Generator().manual_seed(1)
    weights = {name: torch.randn(count, generator=generator) for name, count in COUNTS.items()}
    # Gradients of very different sizes, as in a real training.
    gradients = [
        {name: torch.randn(count, generator=generator) * 10.0 ** (k % 4 - 2) for name, count in COUNTS.items()}
        for k in range(STEPS)
    ]
    return weights, gradients


def optimizer_case(make, clip=None, accumulate=1, encoder_rate=1.0):
    weights, gradients = start()
    parameters = {name: torch.nn.Parameter(value.clone()) for name, value in weights.items()}
    optimizer = make(parameters, encoder_rate)
    norms = []
    for k in range(0, STEPS, accumulate):
        for name, parameter in parameters.items():
            parameter.grad = sum(gradients[k + i][name] for i in range(accumulate)) / accumulate
        limit = clip if clip is not None else float("inf")
        norms.append(float(torch.nn.utils.clip_grad_norm_(parameters.values(), limit)))
        optimizer.step()
    return {
        "weights": {name: numbers(parameter) for name, parameter in parameters.items()},
        "norms": norms,
        "clip": clip,
        "accumulate": accumulate,
        "encoderRate": encoder_rate,
    }


def groups(rate):
    """The parameter a counts as the encoder's."""
    return lambda parameters, encoder_rate: [
        {"params": [parameters["a"]], "lr": rate * encoder_rate},
        {"params": [parameters["b"]], "lr": rate},
    ]


def sgd(rate, **options):
    return lambda parameters, encoder_rate: torch.optim.SGD(groups(rate)(parameters, encoder_rate), lr=rate, **options)


def adam(kind, rate, **options):
    return lambda parameters, encoder_rate: kind(groups(rate)(parameters, encoder_rate), lr=rate, **options)


OPTIMIZERS = {
    "sgd": ("sgd", {"rate": 0.1}, optimizer_case(sgd(0.1))),
    "sgd-momentum": (
        "sgd",
        {"rate": 0.05, "momentum": 0.9, "weightDecay": 0.01},
        optimizer_case(sgd(0.05, momentum=0.9, weight_decay=0.01)),
    ),
    "sgd-nesterov": (
        "sgd",
        {"rate": 0.05, "momentum": 0.8, "nesterov": True, "weightDecay": 0.02},
        optimizer_case(sgd(0.05, momentum=0.8, nesterov=True, weight_decay=0.02)),
    ),
    "adam": ("adam", {"rate": 0.01}, optimizer_case(adam(torch.optim.Adam, 0.01))),
    "adam-decay": (
        "adam",
        {"rate": 0.02, "weightDecay": 0.1, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6},
        optimizer_case(adam(torch.optim.Adam, 0.02, weight_decay=0.1, betas=(0.8, 0.95), eps=1e-6)),
    ),
    "adamw": (
        "adamw",
        {"rate": 0.02, "weightDecay": 0.1},
        optimizer_case(adam(torch.optim.AdamW, 0.02, weight_decay=0.1)),
    ),
    "adamw-clip": (
        "adamw",
        {"rate": 0.02, "weightDecay": 0.01, "clip": 0.5},
        optimizer_case(adam(torch.optim.AdamW, 0.02, weight_decay=0.01), clip=0.5),
    ),
    "sgd-accumulate": (
        "sgd",
        {"rate": 0.1, "momentum": 0.9, "accumulate": 3, "clip": 1.0},
        optimizer_case(sgd(0.1, momentum=0.9), clip=1.0, accumulate=3),
    ),
    "adamw-encoder": (
        "adamw",
        {"rate": 0.02, "weightDecay": 0.01, "encoderRate": 0.1},
        optimizer_case(adam(torch.optim.AdamW, 0.02, weight_decay=0.01), encoder_rate=0.1),
    ),
}


def schedule_case(make, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer)
    factors = []
    for _ in range(steps):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return factors


S = torch.optim.lr_scheduler


def warm(count, then):
    """An even rise over `count` steps, then another schedule."""

    def make(optimizer):
        rise = S.LinearLR(optimizer, start_factor=1 / count, total_iters=count - 1)
        return S.SequentialLR(optimizer, [rise, then(optimizer)], milestones=[count])

    return make


SCHEDULES = {
    "constant": ({"kind": "constant"}, 9, schedule_case(lambda o: S.ConstantLR(o, factor=1), 9)),
    "step": (
        {"kind": "step", "every": 4, "factor": 0.5},
        20,
        schedule_case(lambda o: S.StepLR(o, 4, gamma=0.5), 20),
    ),
    "milestones": (
        {"kind": "step", "at": [3, 11], "factor": 0.1},
        20,
        schedule_case(lambda o: S.MultiStepLR(o, [3, 11], gamma=0.1), 20),
    ),
    "cosine": (
        {"kind": "cosine", "minimum": 0.05},
        25,
        schedule_case(lambda o: S.CosineAnnealingLR(o, T_max=25, eta_min=0.05), 25),
    ),
    "cosine-warm": (
        {"kind": "cosine", "warmup": 5},
        25,
        schedule_case(warm(5, lambda o: S.CosineAnnealingLR(o, T_max=20)), 25),
    ),
    "one-cycle": (
        {"kind": "one-cycle"},
        40,
        schedule_case(lambda o: S.OneCycleLR(o, max_lr=1.0, total_steps=40, cycle_momentum=False), 39),
    ),
    "one-cycle-short": (
        {"kind": "one-cycle", "warmup": 0.1, "startDivisor": 10, "endDivisor": 100},
        40,
        schedule_case(
            lambda o: S.OneCycleLR(
                o,
                max_lr=1.0,
                total_steps=40,
                pct_start=0.1,
                div_factor=10,
                final_div_factor=100,
                cycle_momentum=False,
            ),
            39,
        ),
    ),
}


def average_case(decay):
    """The exponential average in double precision, forgetting faster while it is young."""
    weights, gradients = start()
    value, mean = weights["a"].double(), None
    averages = []
    for k in range(STEPS):
        value = value + gradients[k]["a"].double()
        kept = min(decay, (k + 1) / (k + 10))
        mean = value if mean is None else kept * mean + (1 - kept) * value
        averages.append(mean.tolist())
    return averages


def main(path):
    weights, gradients = start()
    case = {
        "versions": {"torch": torch.__version__},
        "start": {name: numbers(value) for name, value in weights.items()},
        "gradients": [{name: numbers(value) for name, value in step.items()} for step in gradients],
        "optimizers": {
            name: {"configuration": {"kind": kind, **options}, **result}
            for name, (kind, options, result) in OPTIMIZERS.items()
        },
        "schedules": {
            name: {"configuration": options, "steps": steps, "factors": factors}
            for name, (options, steps, factors) in SCHEDULES.items()
        },
        "average": {"decay": 0.25, "values": average_case(0.25)},
    }
    with open(path, "w") as file:
        json.dump(case, file, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
