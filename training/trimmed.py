"""The network without what small images never reach: the same function, sooner computed.

At 32x32 the last stage of a ResNet-18 sees maps of one pixel: eight of the nine taps of its 3x3 kernels
only ever meet the zeros around it. They get no gradient, and weight decay drives them to zero.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import nn

from submissions_sandbox.architectures import Architecture, build

# Up to 2x2 pixels, one matrix product for each is faster than torch's convolution.
_MAX_POSITIONS = 4


def trim(net: nn.Module, architecture: Architecture, size: tuple[int, int]) -> None:
    """Replace, in place, the convolutions of small maps; the state_dict keeps its names and shapes.

    Args:
        net: a network of the architecture, on the CPU.
        architecture: the same.
        size: height and width of the images that it will see, in pixels.
    """
    for name, maps in _maps(architecture, size).items():
        if maps.output[0] * maps.output[1] <= _MAX_POSITIONS:
            conv = net.get_submodule(name)
            assert isinstance(conv, nn.Conv2d)
            net.set_submodule(name, SmallMapConv2d(conv, maps))


class Maps(NamedTuple):
    """Height and width of what a convolution reads and of what it writes, in pixels."""

    input: tuple[int, int]
    output: tuple[int, int]


class Window(NamedTuple):
    """What one output pixel is made from: input pixels, and as many taps of the kernel."""

    in_rows: slice
    in_columns: slice
    tap_rows: slice
    tap_columns: slice


class SmallMapConv2d(nn.Module):
    """A bias-free convolution of small maps by matrix products, of the taps that meet a pixel.

    Its state_dict holds the whole kernel, in which the other taps are zeros; of a state that is loaded, the
    other taps are ignored.

    Attributes:
        weight: float32 [n_out, rows, columns, n_in], rows and columns of taps.
    """

    def __init__(self, conv: nn.Conv2d, maps: Maps) -> None:
        super().__init__()
        rows, columns = (list(_spans(conv, maps, axis)) for axis in (0, 1))
        self._rows, self._columns = _used_taps(rows), _used_taps(columns)
        self._windows = [
            Window(row.pixels, column.pixels, _from(self._rows, row.taps), _from(self._columns, column.taps))
            for row in rows
            for column in columns
        ]
        self._out_size = maps.output
        self._full_shape = conv.weight.shape
        self.weight = nn.Parameter(self._cut(conv.weight.detach()))
        self.register_state_dict_post_hook(_widen)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_narrow)  # type: ignore[no-untyped-call]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [n, n_in, h, w] to [n, n_out, h', w'] in the channels-last format."""
        height, width = self._out_size
        products = _Products.apply(x.permute(0, 2, 3, 1), self.weight, self._windows)  # type: ignore[no-untyped-call]
        pixels: torch.Tensor = products.view(len(x), height, width, len(self.weight))
        return pixels.permute(0, 3, 1, 2)

    def _cut(self, full: torch.Tensor) -> torch.Tensor:
        return full[:, :, self._rows, self._columns].permute(0, 2, 3, 1).contiguous()

    def _uncut(self, weight: torch.Tensor) -> torch.Tensor:
        full = weight.new_zeros(self._full_shape)
        full[:, :, self._rows, self._columns] = weight.permute(0, 3, 1, 2)
        return full


class _Products(torch.autograd.Function):
    """Pixels [n, h, w, n_in] and weights [n_out, rows, columns, n_in] to pixels [n, n_windows, n_out].

    Autograd's own gradient of a slice fills the rest of the kernel with zeros, for every window.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, windows: list[Window]) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.windows = windows
        return torch.stack([_pixels(x, w).flatten(1) @ _taps(weight, w).flatten(1).T for w in windows], dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        x, weight = ctx.saved_tensors
        of_x, of_weight = torch.zeros_like(x), torch.zeros_like(weight)
        for window, gradient in zip(ctx.windows, gradients[0].unbind(1), strict=True):
            pixels, taps = _pixels(x, window), _taps(weight, window)
            _pixels(of_x, window).add_((gradient @ taps.flatten(1)).view_as(pixels))
            _taps(of_weight, window).add_((gradient.T @ pixels.flatten(1)).view_as(taps))
        return of_x, of_weight, None


def _pixels(x: torch.Tensor, window: Window) -> torch.Tensor:
    return x[:, window.in_rows, window.in_columns]


def _taps(weight: torch.Tensor, window: Window) -> torch.Tensor:
    return weight[:, window.tap_rows, window.tap_columns]


class _Span(NamedTuple):
    """A window along one axis."""

    pixels: slice
    taps: slice


def _spans(conv: nn.Conv2d, maps: Maps, axis: int) -> Iterator[_Span]:
    """Yield, for each output row (axis 0) or column (axis 1), what lies within the input."""
    assert isinstance(conv.padding, tuple)
    kernel, stride, padding = conv.kernel_size[axis], conv.stride[axis], conv.padding[axis]
    for position in range(maps.output[axis]):
        first = position * stride - padding  # the pixel under the first tap; below 0 it is padding
        start, stop = max(0, -first), min(kernel, maps.input[axis] - first)
        yield _Span(slice(first + start, first + stop), slice(start, stop))


def _used_taps(spans: list[_Span]) -> slice:
    return slice(min(span.taps.start for span in spans), max(span.taps.stop for span in spans))


def _from(used: slice, taps: slice) -> slice:
    return slice(taps.start - used.start, taps.stop - used.start)


def _widen(module: SmallMapConv2d, state: dict[str, Any], prefix: str, _metadata: object) -> None:
    state[f"{prefix}weight"] = module._uncut(state[f"{prefix}weight"])


def _narrow(module: SmallMapConv2d, state: dict[str, Any], prefix: str, *_: Any) -> None:
    weight = state.get(f"{prefix}weight")
    if weight is not None and weight.shape == module._full_shape:  # others are load_state_dict's to refuse
        state[f"{prefix}weight"] = module._cut(weight)


@lru_cache(maxsize=8)
def _maps(architecture: Architecture, size: tuple[int, int]) -> dict[str, Maps]:
    """Return the maps of every convolution, by its name."""
    maps: dict[str, Maps] = {}
    with torch.device("meta"):
        net = build(architecture).eval()
        for name, module in net.named_modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(_recorder(maps, name))
        net(torch.empty(1, 3, *size))
    return maps


def _recorder(maps: dict[str, Maps], name: str) -> Any:
    def record(_module: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        _, _, *size = inputs[0].shape
        _, _, *out_size = output.shape
        maps[name] = Maps(tuple(size), tuple(out_size))  # type: ignore[arg-type]

    return record
