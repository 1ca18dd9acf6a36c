"""Words of the answers in PyTorch; words_tensorflow.py has the same."""

import torch

tf = None
CHANNEL = 1
DOWN = 2
ACROSS = 3
absolute = torch.abs
clip = torch.clamp
constant = torch.tensor
detached = torch.detach
diagonal = torch.diag
exp = torch.exp
floor = torch.floor
eigh = torch.linalg.eigh
eigvalsh = torch.linalg.eigvalsh
einsum = torch.einsum
inverse = torch.linalg.inv
log = torch.log
matmul = torch.matmul
mean = torch.mean
roll = torch.roll
root = torch.sqrt
sign = torch.sign
singular = torch.linalg.svdvals
square = torch.square
stack = torch.stack
total = torch.sum
trace = torch.trace


def double(x):
    return x.double()


def as_bytes(x):
    return x.to(torch.uint8)


def at_least(x, low):
    return x.clamp(min=low)


def in_order(x):
    """Sorted along the first axis"""
    return x.sort(0).values


def singular_vectors(x):
    """U (m, k), the singular values, and V^T (k, n)"""
    return torch.linalg.svd(x, full_matrices=False)


def selected(columns, which):
    return columns[:, which]


def cloud_like(points, image):
    """(M, C) in the shape of an image of one in the batch"""
    return points.T.reshape(image.shape)


def diff(x, axis):
    return x.diff(dim=axis)


def flip(x, axis):
    return x.flip(axis)


def channel(x, index):
    return x[:, index]


def part(x, down=slice(None), across=slice(None)):
    return x[:, :, down, across]


def other_layout(x):
    return x.permute(0, 2, 3, 1)


def per_colour(values):
    return torch.tensor(values).reshape(1, 3, 1, 1)


def per_filter(numbers):
    """(B, C), ready to be multiplied with an activation"""
    return numbers[:, :, None, None]


def per_pixel(numbers):
    """(H, W), ready to be multiplied with an image"""
    return numbers[None, None]


def looked_up(image, rows, columns):
    """The pixels of an image of one in the batch, at whole positions (H, W)"""
    return image[0][:, rows.long(), columns.long()][None]


def filters(activation):
    return activation.shape[1]


def positions(activation):
    return activation[0, 0].numel()


def rows(activation):
    """(B, C, H W)"""
    return activation.flatten(2)


def transposed(matrices):
    return matrices.mT


def misread(activation):
    """(B, C, H, W) memory read as (B, H W, C), turned to (B, C, H W)"""
    return activation.reshape(len(activation), -1, activation.shape[1]).mT


def gram(activation):
    return torch.einsum("bihw,bjhw->bij", activation, activation) / activation[0, 0].numel()


def gradient(image, target, loss):
    moving = image.detach().clone().requires_grad_(True)
    return torch.autograd.grad(loss(moving, target), moving)[0]
