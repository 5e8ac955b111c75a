"""Records depth metrics of small random maps, computed from the definitions with NumPy, SciPy and scikit-image.

    python Scripts/record_metrics.py Tests/FathomLearningTests/Recorded/metrics.json

Recorded with numpy 2.4.6, scipy 1.17.1, scikit-image 0.26.0. Nothing of Fathom is used: the tests read the arrays and the
results and compute the same with Fathom.
"""

import json
import sys

import numpy
import scipy
import skimage
from scipy import ndimage, optimize, stats
from skimage.metrics import structural_similarity

random = numpy.random.default_rng(7)
HEIGHT, WIDTH, CAP, FLOOR = 24, 36, 10.0, 1e-3


def numbers(array):
    return [float(f"{value:.9g}") for value in numpy.asarray(array, numpy.float64).ravel()]


def single(array):
    """The float32 numbers that the file will hold, as float64."""
    return numpy.asarray(numbers(numpy.float32(array))).reshape(numpy.shape(array))


def smooth(sigma, low, high):
    field = ndimage.gaussian_filter(random.standard_normal((HEIGHT, WIDTH)), sigma)
    field = (field - field.min()) / (field.max() - field.min())
    return single(low + field * (high - low))


def steps():
    """A dense map with occluding edges."""
    depth = smooth(6, 3, 6)
    depth[6:17, 5:16] *= 0.55
    depth[3:12, 20:31] *= 0.8
    return single(depth)


def depth_errors(p, g):
    e = numpy.log(p) - numpy.log(g)
    worst = numpy.maximum(p / g, g / p)
    return {
        "mae": numpy.abs(p - g).mean(),
        "medianAE": numpy.median(numpy.abs(p - g)),
        "absRel": (numpy.abs(g - p) / g).mean(),
        "sqRel": ((g - p) ** 2 / g).mean(),
        "rmse": numpy.sqrt(((g - p) ** 2).mean()),
        "rmseLog": numpy.sqrt((e**2).mean()),
        "log10": numpy.abs(numpy.log10(g) - numpy.log10(p)).mean(),
        "silog": numpy.std(e) * 100,
        "delta1": (worst < 1.25).mean(),
        "delta2": (worst < 1.25**2).mean(),
        "delta3": (worst < 1.25**3).mean(),
    }


def bilinear(image, height, width):
    """Half-pixel centres, edges repeated, no smoothing."""
    y = numpy.clip((numpy.arange(height) + 0.5) * image.shape[0] / height - 0.5, 0, image.shape[0] - 1)
    x = numpy.clip((numpy.arange(width) + 0.5) * image.shape[1] / width - 0.5, 0, image.shape[1] - 1)
    grid = numpy.meshgrid(y, x, indexing="ij")
    return ndimage.map_coordinates(image, grid, order=1, mode="nearest")


def clamp(depth):
    return numpy.clip(depth, FLOOR, CAP)


def aligned(inverse, g, mask, method):
    if method == "none":
        return clamp(1 / inverse)
    if method == "median":
        p = 1 / inverse
        return clamp(p * numpy.median(g[mask]) / numpy.median(p[mask]))
    a = numpy.stack([inverse[mask], numpy.ones(mask.sum())], axis=1)
    (scale, shift), *_ = scipy.linalg.lstsq(a, 1 / g[mask])
    if scale < 0:
        scale, shift = 0, (1 / g[mask]).mean()
    return clamp(1 / numpy.maximum(scale * inverse + shift, 1 / CAP))


def picture_cases():
    cases = []
    for name, kind, method, size, holes in [
        ("inverse depth, least squares, resized", "inverse-depth", "least-squares", (12, 18), 0.15),
        ("inverse depth, median, same size", "inverse-depth", "median", (HEIGHT, WIDTH), 0.3),
        ("metres, none, resized", "metres", "none", (10, 15), 0.0),
        ("depth, median", "depth", "median", (HEIGHT, WIDTH), 0.0),
        ("near and far swapped", "inverse-depth", "least-squares", (HEIGHT, WIDTH), 0.1),
    ]:
        truth = smooth(3, 0.8, 11)
        truth[random.random((HEIGHT, WIDTH)) < holes * 0.1] = 0
        if holes:
            truth[:5, :9] = 0
        small = bilinear(1 / numpy.maximum(truth, 0.5), *size)
        small = small * random.uniform(0.9, 1.1, size) * 0.8 + 0.05
        if name.startswith("near"):
            small = 2 - small
        prediction = single(small if kind == "inverse-depth" else 1 / small)
        inverse = prediction if kind == "inverse-depth" else 1 / prediction
        if size != (HEIGHT, WIDTH):
            inverse = bilinear(inverse, HEIGHT, WIDTH)
        mask = (truth > FLOOR) & (truth < CAP)
        depth = aligned(inverse, truth, mask, method)
        cases.append({
            "name": name, "kind": kind, "alignment": method, "height": size[0], "width": size[1],
            "prediction": numbers(prediction), "truth": numbers(truth), "pixels": int(mask.sum()),
            "results": {k: float(v) for k, v in depth_errors(depth[mask], truth[mask]).items()},
        })
    return cases


def similarity_cases():
    cases = []
    for noise in (0.05, 0.6):
        a = smooth(2, 1, 9)
        b = single(a + noise * random.standard_normal(a.shape))
        whole = structural_similarity(
            a, b, data_range=CAP, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        # The windows that lie within a part of the picture.
        mask = numpy.zeros((HEIGHT, WIDTH), bool)
        mask[2:20, 3:33] = True
        mask[2:9, 3:12] = False
        _, per_window = structural_similarity(
            a, b, data_range=CAP, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            full=True)
        inside = ndimage.minimum_filter(mask.astype(int), size=11, mode="constant", cval=0) > 0
        cases.append({
            "a": numbers(a), "b": numbers(b), "mask": mask.ravel().astype(int).tolist(),
            "whole": float(whole), "masked": float(per_window[inside].mean()),
        })
    return cases


def boundary(prediction, truth):
    """Scale-invariant boundary F1 as the Depth Pro paper defines it, on inverse depth."""
    p, g = (1 / numpy.maximum(d, 1e-6) for d in (prediction, truth))
    pairs = [
        (lambda d: d[:, 1:] / d[:, :-1]), (lambda d: d[:, :-1] / d[:, 1:]),
        (lambda d: d[1:] / d[:-1]), (lambda d: d[:-1] / d[1:]),
    ]
    thresholds = numpy.linspace(1.05, 1.25, 10)
    scores = []
    for t in thresholds:
        recall = precision = 0
        for ratio in pairs:
            found, real = ratio(p) > t, ratio(g) > t
            recall += (found & real).sum() / max(real.sum(), 1) / 4
            precision += (found & real).sum() / max(found.sum(), 1) / 4
        scores.append(stats.hmean([precision, recall]) if precision + recall > 0 else 0)
    return float(numpy.average(scores, weights=thresholds))


def boundary_cases():
    cases = []
    for sigma in (0, 0.6, 3):
        truth = steps()
        prediction = single(ndimage.gaussian_filter(truth, sigma) if sigma else truth * 1.5)
        cases.append({
            "prediction": numbers(prediction), "truth": numbers(truth),
            "f1": boundary(prediction, truth)})
    return cases


def ordinal_case():
    truth = single(random.uniform(1, 4, 200))
    nearness = single(numpy.round(1 / truth + random.normal(0, 0.2, 200), 1))
    pairs = random.integers(0, 200, (400, 2))
    judged = [(i, j) for i, j in pairs if max(truth[i], truth[j]) > 1.15 * min(truth[i], truth[j])]
    # Kendall's sign of each pair: 1 right, -1 wrong, 0 where the prediction ties.
    signs = [numpy.sign(nearness[i] - nearness[j]) * numpy.sign(truth[j] - truth[i]) for i, j in judged]
    return {
        "truth": numbers(truth), "nearness": numbers(nearness), "pairs": pairs.ravel().tolist(),
        "share": float((numpy.mean(signs) + 1) / 2)}


def warp_case():
    """OPW: the second map warped to the first by flow, both normalised."""
    a, b = smooth(2, 0.1, 1), smooth(2, 0.1, 1)
    before = single(random.random((3, HEIGHT, WIDTH)))
    after = single(numpy.clip(before + random.normal(0, 0.1, before.shape), 0, 1))
    flow = single(random.uniform(-4, 4, (2, HEIGHT, WIDTH)))
    rows, columns = numpy.mgrid[:HEIGHT, :WIDTH]
    y, x = rows + flow[1], columns + flow[0]
    inside = (x >= 0) & (y >= 0) & (x <= WIDTH - 1) & (y <= HEIGHT - 1)

    def warped(image):
        return ndimage.map_coordinates(image, [y, x], order=1, mode="nearest")

    def normal(map_):
        return (map_ - numpy.median(map_)) / numpy.abs(map_ - numpy.median(map_)).mean()

    weight = sum(numpy.exp(-50 * (warped(after[c]) - before[c]) ** 2) for c in range(3))
    error = weight * numpy.abs(warped(normal(b)) - normal(a))
    return {
        "first": numbers(a), "second": numbers(b), "before": numbers(before), "after": numbers(after),
        "flow": numbers(flow), "opw": float(10 * error[inside].mean())}


def carry_case():
    """TAE of one direction: points of one picture seen by the other camera."""
    first, second = smooth(3, 2, 6), smooth(3, 2, 6)
    camera = {"fx": 30.0, "fy": 28.0, "cx": 17.3, "cy": 11.6}
    k = numpy.array([[30.0, 0, 17.3], [0, 28.0, 11.6], [0, 0, 1]])
    poses = []
    for turn, place in (((0.02, -0.03, 0.01), (0.1, 0.0, 0.0)), ((-0.01, 0.02, 0.03), (0.0, 0.05, 0.3))):
        pose = numpy.eye(4)
        pose[:3, :3] = scipy.spatial.transform.Rotation.from_euler("xyz", turn).as_matrix()
        pose[:3, 3] = place
        poses.append(single(pose))
    # The inverse of a rigid motion is its transpose, whatever the rounding to float32.
    inverse = numpy.eye(4)
    inverse[:3, :3] = poses[1][:3, :3].T
    inverse[:3, 3] = -poses[1][:3, :3].T @ poses[1][:3, 3]
    motion = inverse @ poses[0]
    rows, columns = numpy.mgrid[:HEIGHT, :WIDTH]
    rays = numpy.linalg.inv(k) @ numpy.stack([columns, rows, numpy.ones_like(rows)]).reshape(3, -1)
    points = motion[:3, :3] @ (rays * first.ravel()) + motion[:3, 3:]
    pixels = numpy.rint((k @ points)[:2] / points[2]).astype(int)
    carried = numpy.zeros((HEIGHT, WIDTH))
    for (x, y), z in zip(pixels.T, points[2]):
        if 0 <= x < WIDTH and 0 <= y < HEIGHT:
            carried[y, x] = z
    both = carried > 0
    return {
        "first": numbers(first), "second": numbers(second), **camera,
        "pose": numbers(poses[0]), "otherPose": numbers(poses[1]),
        "error": float((numpy.abs(carried - second) / second)[both].mean())}


def clip_case():
    """One scale and shift for all pictures, by a general least-squares solver."""
    frames, rows, targets = [], [], []
    for _ in range(3):
        truth = smooth(3, 1, 9)
        inverse = single(1.7 / truth - 0.1 + random.normal(0, 0.02, truth.shape))
        frames.append({"prediction": numbers(inverse), "truth": numbers(truth)})
        rows.append(numpy.maximum(inverse, 1e-3).ravel())
        targets.append(1 / (truth + 1e-8).ravel())
    rows, targets = numpy.concatenate(rows), numpy.concatenate(targets)
    fit = optimize.lsq_linear(numpy.stack([rows, numpy.ones_like(rows)], axis=1), targets, tol=1e-15).x
    return {"frames": frames, "scale": float(fit[0]), "shift": float(fit[1])}


json.dump(
    {
        "versions": {
            "numpy": numpy.__version__, "scipy": scipy.__version__, "scikit-image": skimage.__version__},
        "height": HEIGHT, "width": WIDTH, "cap": CAP, "pictures": picture_cases(),
        "similarity": similarity_cases(), "boundary": boundary_cases(), "ordinal": ordinal_case(),
        "warp": warp_case(), "carry": carry_case(), "clip": clip_case(),
    },
    open(sys.argv[1], "w"), separators=(",", ":"))
