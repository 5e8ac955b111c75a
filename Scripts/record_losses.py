"""Record losses and their gradients as PyTorch computes them.

    python Scripts/record_losses.py Tests/FathomLearningTests/Recorded/losses.json

Each loss is written here from its paper, with least squares left to torch.linalg. Inputs are not recorded: they are
uniform numbers of SplitMix64, as `SeededRandom` gives them. Made with Python 3.11, torch 2.13.0, numpy 2.3.5.
"""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

from seeded import initial_weights, uniform

BATCH, HEIGHT, WIDTH = 2, 12, 16
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def map_of(seed, low, high, channels=1, batch=BATCH):
    shape = (batch, channels, HEIGHT, WIDTH)
    return torch.from_numpy(uniform(seed, shape, low, high))


def inputs(batch=BATCH):
    """What a batch has; the prediction goes with the truth, but not well."""
    target = map_of(2, 0.2, 2, batch=batch)
    return {
        "prediction": (target * 0.5 + map_of(1, 0.1, 0.9, batch=batch)).requires_grad_(),
        "target": target,
        "valid": (map_of(3, 0, 1, batch=batch) > 0.3).float(),
        "image": map_of(4, -1, 1, 3, batch), "previous": map_of(5, -1, 1, 3, batch),
        "next": map_of(6, -1, 1, 3, batch), "otherEye": map_of(7, -1, 1, 3, batch),
        "flow": map_of(8, -2, 2, 2, batch),
        "intrinsics": torch.tensor([[10, 11, 7.5, 5.5], [12, 9, 8, 6]]),
        "baseline": torch.tensor([[0.5], [-0.3]]),
    }


def masked_mean(values, valid):
    return values[valid > 0].mean()


def l1(b):
    return masked_mean((b["prediction"] - b["target"]).abs(), b["valid"])


def mse(b):
    return masked_mean((b["prediction"] - b["target"]) ** 2, b["valid"])


def huber(b):
    mask = b["valid"] > 0
    return F.huber_loss(b["prediction"][mask], b["target"][mask], delta=0.2)


def berhu(b):
    error = (b["prediction"] - b["target"]).abs()[b["valid"] > 0]
    c = 0.2 * error.max().detach()
    return torch.where(error <= c, error, (error ** 2 + c ** 2) / (2 * c)).mean()


def silog(b, share=0.5, logarithm=True):
    total = 0
    for p, t, v in zip(b["prediction"], b["target"], b["valid"]):
        p, t = p[v > 0], t[v > 0]
        d = torch.log(p + 1e-3) - torch.log(t + 1e-3) if logarithm else p - t
        total = total + (d ** 2).mean() - share * d.mean() ** 2
    return total / len(b["target"])


def aligned(prediction, target, valid):
    """Prediction with the scale and shift of the least squares; gradients flow through them."""
    mask = valid > 0
    p, t = prediction[mask], target[mask]
    solution = torch.linalg.lstsq(torch.stack([p, torch.ones_like(p)], 1).double(), t.double()[:, None]).solution
    scale, shift = solution[:, 0].float()
    return scale * prediction + shift


def spread(target, valid):
    t = target[valid > 0]
    return (t - t.mean()).abs().mean() + 1e-3


def residuals(b, normalized=True):
    parts = []
    for p, t, v in zip(b["prediction"], b["target"], b["valid"]):
        r = (aligned(p, t, v) - t) * v
        parts.append(r / spread(t, v) if normalized else r)
    return torch.stack(parts)


def ssi(b):
    return masked_mean(residuals(b).abs(), b["valid"])


def ssi_squared(b):
    return masked_mean(residuals(b, False) ** 2, b["valid"])


def ssi_trimmed(b):
    kept = []
    for r, v in zip(residuals(b).abs(), b["valid"]):
        r = r[v > 0].sort().values
        kept.append(r[:int(len(r) * 0.8)])
    return torch.cat(kept).mean()


def ssi_against(b):
    """The prediction runs against the truth: the scale is held at a tenth of the deviations' ratio."""
    parts = []
    for p, t, v in zip(b["prediction"], b["target"], b["valid"]):
        mask = v > 0
        scale = 0.1 * t[mask].std(correction=0) / p[mask].std(correction=0)
        parts.append(((p - p[mask].mean()) * scale - t + t[mask].mean()) / spread(t, v))
    return masked_mean(torch.stack(parts).abs(), b["valid"])


def gradient_matching(b, r=None, scales=4):
    r = residuals(b) if r is None else r
    v, total = b["valid"], 0
    for _ in range(scales):
        across = (r[..., 1:] - r[..., :-1]).abs() * v[..., 1:] * v[..., :-1]
        down = (r[..., 1:, :] - r[..., :-1, :]).abs() * v[..., 1:, :] * v[..., :-1, :]
        total = total + (across.sum() + down.sum()) / v.sum()
        r, v = r[..., ::2, ::2], v[..., ::2, ::2]
    return total


def ssim_map(x, y, size=1.0):
    """Dissimilarity of 3x3 windows, by unfolding them."""
    def windows(a):
        n, c, h, w = a.shape
        return F.unfold(F.pad(a, (1, 1, 1, 1), mode="reflect"), 3).view(n, c, 9, h, w)
    x, y = windows(x), windows(y)
    mx, my = x.mean(2), y.mean(2)
    vx, vy = x.var(2, correction=0), y.var(2, correction=0)
    cov = ((x - mx[:, :, None]) * (y - my[:, :, None])).mean(2)
    c1, c2 = (0.01 * size) ** 2, (0.03 * size) ** 2
    similarity = (2 * mx * my + c1) * (2 * cov + c2) / ((mx ** 2 + my ** 2 + c1) * (vx + vy + c2))
    return ((1 - similarity) / 2).clamp(0, 1)


def ssim(b):
    filled = torch.where(b["valid"] > 0, b["prediction"], b["target"])
    return masked_mean(ssim_map(filled, b["target"], 2.0), b["valid"])


def smoothness(b):
    d = b["prediction"] / (b["prediction"].mean((1, 2, 3), keepdim=True) + 1e-7)
    image = b["image"] * STD + MEAN
    across = (d[..., 1:] - d[..., :-1]).abs()
    down = (d[..., 1:, :] - d[..., :-1, :]).abs()
    edge_x = (image[..., 1:] - image[..., :-1]).abs().mean(1, True)
    edge_y = (image[..., 1:, :] - image[..., :-1, :]).abs().mean(1, True)
    return (across * (-edge_x).exp()).mean() + (down * (-edge_y).exp()).mean()


def sampled(picture, x, y):
    """Bilinear, border repeated; x and y in pixels, N x H x W."""
    n, _, h, w = picture.shape
    grid = torch.stack([(2 * x + 1) / w - 1, (2 * y + 1) / h - 1], -1)
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)


def coordinates(n):
    y, x = torch.meshgrid(torch.arange(HEIGHT).float(), torch.arange(WIDTH).float(), indexing="ij")
    return x.expand(n, -1, -1), y.expand(n, -1, -1)


def appearance(x, y):
    return 0.85 * ssim_map(x, y).mean(1) + 0.15 * (x - y).abs().mean(1)


def stereo(b):
    x, y = coordinates(BATCH)
    focal = b["intrinsics"][:, 0].view(-1, 1, 1)
    shift = focal * b["baseline"].view(-1, 1, 1) * b["prediction"][:, 0]
    seen = sampled(b["otherEye"] * STD + MEAN, x - shift, y)
    return appearance(seen, b["image"] * STD + MEAN).mean()


POSE = [2.0, -3, 1, 20, -10, 5]  # the bias of the pose network's last layer, so that the camera moves


def pose_of(pair):
    """The pose network with its first weights under seed 0 and that bias."""
    x, cin = pair, 6
    for i, channels in enumerate((16, 32, 64, 128, 256, 256, 256)):
        k = 7 if i == 0 else 5 if i == 1 else 3
        weight = initial_weights(0, f"pose.{i}.weight", (channels, cin, k, k), "xavier")
        x = F.relu(F.conv2d(x, torch.from_numpy(weight), stride=2, padding=k // 2))
        cin = channels
    weight = initial_weights(0, "pose.head.weight", (6, cin, 1, 1), "xavier")
    return 0.01 * F.conv2d(x, torch.from_numpy(weight), torch.tensor(POSE)).mean((2, 3))


def rotation(v):
    """Cayley's transform: (I - A)^-1 (I + A) for the skew matrix A of v turns by twice the arc tangent of |v|."""
    zero = torch.zeros_like(v[:, 0])
    skew = torch.stack([zero, -v[:, 2], v[:, 1], v[:, 2], zero, -v[:, 0], -v[:, 1], v[:, 0], zero], 1).view(-1, 3, 3)
    return torch.linalg.solve(torch.eye(3) - skew, torch.eye(3) + skew)


def monocular(b):
    image = b["image"] * STD + MEAN
    depth = 1 / (b["prediction"] + 1e-3)
    matrices = torch.zeros(BATCH, 3, 3)
    fx, fy, cx, cy = b["intrinsics"].T
    matrices[:, 0, 0], matrices[:, 1, 1], matrices[:, 0, 2], matrices[:, 1, 2] = fx, fy, cx, cy
    matrices[:, 2, 2] = 1
    x, y = coordinates(BATCH)
    rays = torch.linalg.inv(matrices) @ torch.stack([x, y, torch.ones_like(x)], 1).flatten(2)
    errors = []
    for source in ("previous", "next"):
        pose = pose_of(torch.cat([b["image"], b[source]], 1))
        points = rotation(pose[:, :3]) @ (rays * depth.flatten(2)) + pose[:, 3:, None]
        seen = matrices @ points
        seen = (seen[:, :2] / seen[:, 2:]).view(BATCH, 2, HEIGHT, WIDTH)
        other = b[source] * STD + MEAN
        errors += [appearance(sampled(other, seen[:, 0], seen[:, 1]), image), appearance(other, image)]
    return torch.stack(errors).amin(0).mean()


def temporal(b):
    """Two clips of three frames, frame after frame; one scale and shift a clip."""
    residual, valid = [], []
    for clip in range(2):
        p, t, v = (b[k][clip::2] for k in ("prediction", "target", "valid"))
        residual.append((aligned(p, t, v) - t) / spread(t, v))
        valid.append(v)
    residual, valid = torch.stack(residual, 1), torch.stack(valid, 1)
    change = (residual[1:] - residual[:-1]).abs()
    return masked_mean(change, valid[1:] * valid[:-1])


def temporal_flow(b):
    x, y = coordinates(4)
    flow, image, depth = b["flow"][:4], b["image"] * STD + MEAN, b["prediction"]
    x, y = x + flow[:, 0], y + flow[:, 1]
    alike = (-50 * ((sampled(image[2:], x, y) - image[:4]) ** 2).sum(1, True)).exp()
    weights = alike * b["valid"][:4]
    change = (sampled(depth[2:], x, y) - depth[:4]).abs()
    return (change * weights).sum() / weights.sum().clamp(min=1) / (depth.abs().mean() + 1e-6)


def coarser(b):
    """L1 at three scales, the truth every second and fourth pixel."""
    total, weight, prediction = 0, 1, b["prediction"]
    for step in (1, 2, 4):
        p = F.avg_pool2d(prediction, step)
        t, v = (b[k][..., step // 2::step, step // 2::step] for k in ("target", "valid"))
        total, weight = total + weight * masked_mean((p - t).abs(), v), weight / 2
    return total


CASES = [
    ("mse", "{kind: mse}", mse, {}), ("l1", "{kind: l1}", l1, {}),
    ("huber", "{kind: huber, delta: 0.2}", huber, {}), ("berhu", "{kind: berhu}", berhu, {}),
    ("scale-invariant-log", "{kind: scale-invariant-log}", silog, {}),
    ("scale-invariant-log of a logarithm", "{kind: scale-invariant-log, lambda: 0.85}",
     lambda b: silog(b, 0.85, False), {"learns": "log-depth"}),
    ("scale-shift-invariant", "{kind: scale-shift-invariant}", ssi, {}),
    ("scale-shift-invariant, squared", "{kind: scale-shift-invariant, error: squared, normalize: false}",
     ssi_squared, {}),
    ("scale-shift-invariant, trimmed", "{kind: scale-shift-invariant, trim: 0.2}", ssi_trimmed, {}),
    ("scale-shift-invariant against the truth", "{kind: scale-shift-invariant}", ssi_against, {"turned": True}),
    ("gradient-matching", "{kind: gradient-matching}", gradient_matching, {}),
    ("gradient-matching, not aligned", "{kind: gradient-matching, align: false, scales: 2}",
     lambda b: gradient_matching(b, b["prediction"] - b["target"], 2), {}),
    ("ssim", "{kind: ssim, range: 2}", ssim, {}), ("smoothness", "{kind: smoothness}", smoothness, {}),
    ("photometric, stereo", "{kind: photometric, views: stereo}", stereo, {}),
    ("photometric, monocular", "{kind: photometric}", monocular, {}),
    ("temporal", "{kind: temporal}", temporal, {"frames": 3}),
    ("temporal along the flow", "{kind: temporal, flow: true}", temporal_flow, {"frames": 3}),
    ("l1 at three scales", "{kind: l1}", coarser, {"coarser": 2}),
]


def main():
    recorded = []
    for name, section, loss, options in CASES:
        batch = inputs(BATCH * options.get("frames", 1))
        if options.get("turned"):
            batch["prediction"] = (2 - batch["prediction"].detach()).requires_grad_()
        value = loss(batch)
        gradient, = torch.autograd.grad(value, batch["prediction"])
        recorded.append({
            "name": name, "section": section, "learns": options.get("learns", "inverse-depth"),
            "turned": options.get("turned", False), "frames": options.get("frames", 1),
            "coarser": options.get("coarser", 0), "value": float(f"{value.item():.7g}"),
            "gradient": [float(f"{x:.5g}") for x in gradient.flatten().tolist()],
        })
        print(f"{name:45} {value.item():.6f}  gradient {gradient.norm().item():.6f}")
    with open(sys.argv[1], "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in recorded) + "\n]\n")


if __name__ == "__main__":
    main()
