"""Record small networks with the structure and names of the usual exports, with random weights.

    python Scripts/record_known_networks.py Tests/FathomPipelineTests/Recorded

What recognises an export is its inputs, outputs and operators, not its size, so each network here is its model
family's own code with a few channels. Made with Python 3.11, torch 2.13.0, transformers 5.23.0, onnx 1.22.0;
seed 0.
"""

import os
import sys

import onnx
import torch
from torch import nn
import torch.nn.functional as F
from transformers import (DPTConfig, DPTForDepthEstimation, DepthAnythingConfig, DepthAnythingForDepthEstimation,
                          Dinov2Config, GLPNConfig, GLPNForDepthEstimation)


class Named(nn.Module):
    """A transformers model that gives its depth alone."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values).predicted_depth


def depth_anything(metric):
    backbone = Dinov2Config(hidden_size=16, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=56,
                            patch_size=14, out_indices=[1, 2, 3, 4], apply_layernorm=True,
                            reshape_hidden_states=False, attn_implementation="eager")
    config = DepthAnythingConfig(backbone_config=backbone, reassemble_hidden_size=16, patch_size=14,
                                 neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, head_hidden_size=8,
                                 depth_estimation_type="metric" if metric else "relative",
                                 max_depth=80 if metric else 1)
    return Named(DepthAnythingForDepthEstimation(config))


def dpt():
    config = DPTConfig(hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32,
                       image_size=64, patch_size=16, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8],
                       fusion_hidden_size=8, readout_type="project", attn_implementation="eager",
                       use_auxiliary_head=False)
    return Named(DPTForDepthEstimation(config))


def glpn():
    config = GLPNConfig(depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], decoder_hidden_size=8,
                        num_attention_heads=[1, 1, 1, 1], mlp_ratios=[2, 2, 2, 2])
    return Named(GLPNForDepthEstimation(config))


class DepthAnythingOriginal(nn.Module):
    """As the authors' own code ends: interpolation to the picture's size and relu, or sigmoid times the greatest depth."""

    def __init__(self, metric):
        super().__init__()
        self.pretrained = depth_anything(metric).model
        self.metric = metric

    def forward(self, image):
        depth = self.pretrained(image).predicted_depth
        if self.metric:
            return depth
        depth = F.interpolate(depth.unsqueeze(1), image.shape[-2:], mode="bilinear", align_corners=True)
        return F.relu(depth).squeeze(1)


class MidasSmall(nn.Module):
    """MiDaS v2.1 small as released: EfficientNet-Lite3 (depthwise, ReLU6), four fusions, the picture normalised inside
    or outside."""

    def __init__(self, inside):
        super().__init__()
        self.inside = inside
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU6())
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(8, 16, 1), nn.ReLU6(), nn.Conv2d(16, 16, k, 2, k // 2, groups=16), nn.ReLU6(),
                          nn.Conv2d(16, 8, 1)) for k in (3, 5, 3, 5))
        self.fuse = nn.ModuleList(nn.Conv2d(8, 8, 3, 1, 1) for _ in range(4))
        self.head = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.Upsample(scale_factor=2, mode="bilinear"),
                                  nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(), nn.Conv2d(8, 1, 1), nn.ReLU())
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[None, :, None, None])
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225])[None, :, None, None])

    def forward(self, x):
        if self.inside:
            x = (x - self.mean) / self.deviation
        x = self.stem(x)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        x = levels.pop()
        for fuse in self.fuse:
            if levels:
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True) + levels.pop()
            x = fuse(F.relu(x))
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        return self.head(x).squeeze(1)


class Monodepth2(nn.Module):
    """ResNet encoder that normalises by (x - 0.45) / 0.225, decoder of reflection-padded convolutions and ELU, four
    disparities through sigmoids."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 7, 2, 3)
        self.down = nn.ModuleList(nn.Conv2d(8, 8, 3, 2, 1) for _ in range(3))
        self.up = nn.ModuleList(nn.Conv2d(8 if i == 0 else 16, 8, 3) for i in range(4))
        self.again = nn.ModuleList(nn.Conv2d(8, 8, 3) for i in range(4))
        self.heads = nn.ModuleList(nn.Conv2d(8, 1, 3) for i in range(4))

    def forward(self, x):
        x = F.relu(self.stem((x - 0.45) / 0.225))
        levels = [x]
        for index, down in enumerate(self.down):
            x = F.relu(down(F.max_pool2d(x, 3, 1, 1) if index == 0 else x))
            levels.append(x)
        x, disparities = levels.pop(), []
        for up, again, head in zip(self.up, self.again, self.heads):
            x = F.elu(up(F.pad(x, (1, 1, 1, 1), mode="reflect")))
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            if levels:
                lateral = levels.pop()
                x = F.elu(again(F.pad(x, (1, 1, 1, 1), mode="reflect")))
                disparities.append(torch.sigmoid(head(F.pad(x, (1, 1, 1, 1), mode="reflect"))))
                x = torch.cat([x, lateral], 1)
            else:
                x = F.elu(again(x[:, :8]))
                disparities.append(torch.sigmoid(head(x)))
        return tuple(reversed(disparities))


class Plain(nn.Module):
    """A network of a student's own."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.1),
                                  nn.ConvTranspose2d(8, 8, 2, 2), nn.ReLU(), nn.Conv2d(8, 1, 3, 1, 1))

    def forward(self, input):
        return self.body(input)


FREE = {0: "batch_size", 2: "height", 3: "width"}
NETWORKS = {
    # name: (module, height, width, input, outputs, free axes)
    "depth_anything_transformers": (lambda: depth_anything(False), 56, 84, "pixel_values", ["predicted_depth"], True),
    "depth_anything_metric_transformers": (lambda: depth_anything(True), 56, 84, "pixel_values", ["predicted_depth"], False),
    "depth_anything_original": (lambda: DepthAnythingOriginal(False), 56, 56, "image", ["depth"], False),
    "dpt_transformers": (dpt, 64, 64, "pixel_values", ["predicted_depth"], False),
    "midas_small": (lambda: MidasSmall(True), 64, 64, "input", ["output"], False),
    "midas_small_bare": (lambda: MidasSmall(False), 64, 64, "input", ["output"], False),
    "monodepth2": (Monodepth2, 64, 96, "input", ["disp_0", "disp_1", "disp_2", "disp_3"], False),
    "glpn_transformers": (glpn, 64, 64, "pixel_values", ["predicted_depth"], False),
    "plain": (Plain, 32, 48, "input", ["output"], True),
}


def enliven(module):
    """Gives weights that keep a signal alive to the end, which the usual ones of training's start do not."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.kaiming_normal_(parameter)
        elif parameter.numel() < 3 or parameter.mean() == 0:
            nn.init.constant_(parameter, 0.1)


def rename(path, names):
    """Gives edges names that the exporter refuses."""
    model = onnx.load(path)
    for value in [*model.graph.input, *model.graph.output]:
        value.name = names.get(value.name, value.name)
    for node in model.graph.node:
        node.input[:] = [names.get(edge, edge) for edge in node.input]
        node.output[:] = [names.get(edge, edge) for edge in node.output]
    onnx.save(model, path)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, (make, height, width, image, outputs, free) in NETWORKS.items():
        torch.manual_seed(0)
        module = make().eval()
        enliven(module)
        path = os.path.join(folder, f"{name}.onnx")
        axes = {image: FREE} if free else None
        torch.onnx.export(module, (torch.rand(1, 3, height, width),), path, input_names=[image], output_names=outputs,
                          dynamic_axes=axes, opset_version=17, dynamo=False)
        if name == "midas_small":
            rename(path, {image: "0", outputs[0]: "797"})
        print(f"{name}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
