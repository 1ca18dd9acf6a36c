"""Answers to the exercises in PyTorch, right and wrong. WRONG pairs each with words that its hint must have."""

import numpy as np
import torch


def gram_loop(activation):
    batch, channels, height, width = activation.shape
    rows = activation.reshape(batch, channels, -1)
    entries = [[(rows[:, i] * rows[:, j]).sum(-1) for j in range(channels)] for i in range(channels)]
    return torch.stack([torch.stack(row, -1) for row in entries], -2) / (height * width)


def gram_einsum(activation):
    return torch.einsum("bihw,bjhw->bij", activation, activation) / activation[0, 0].numel()


def gram_matmul(activation):
    rows = activation.flatten(2)
    return rows @ rows.mT / rows.shape[2]


def gram_double(activation):
    rows = activation.double().flatten(2)
    return rows @ rows.mT / rows.shape[2]


def gram_nested(activation, channels):
    """A helper with the wrong number of arguments."""
    return activation


def gram_in_place(activation):
    rows = activation.flatten(2)
    gram = rows @ rows.mT / rows.shape[2]
    activation.mul_(0)
    return gram


def gram_fails(activation):
    rows = activation.flatten(2)
    return rows @ rows


def gram_empty(activation):
    """F F^T / (H W)."""


def gram_without_return(activation):
    activation.flatten(2)


def content_loop(activation, target):
    total = sum(((a - t) ** 2).sum() for a, t in zip(activation, target, strict=True))
    return total / activation.numel()


def step_autograd(picture, target, loss, learning_rate):
    moving = picture.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(moving, target), moving)
    return (picture - learning_rate * gradient).clamp(0, 1)


def step_backward(picture, target, loss, learning_rate):
    moving = picture.detach().clone().requires_grad_(True)
    loss(moving, target).backward()
    with torch.no_grad():
        return torch.clamp(moving - learning_rate * moving.grad, 0.0, 1.0)


def step_sgd(picture, target, loss, learning_rate):
    moving = torch.nn.Parameter(picture.clone())
    loss(moving, target).backward()
    torch.optim.SGD([moving], learning_rate).step()
    return moving.detach().clamp(0, 1)


def step_double(picture, target, loss, learning_rate):
    moving = picture.double().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(moving, target.double()), moving)
    return (picture.double() - learning_rate * gradient).clamp(0, 1)


def gradient(picture, target, loss):
    moving = picture.detach().clone().requires_grad_(True)
    return torch.autograd.grad(loss(moving, target), moving)[0]


def step_through_target(picture, target, loss, learning_rate):
    moving = target.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(loss(picture, moving), moving)
    return (picture - learning_rate * slope).clamp(0, 1)


def step_moves_target(picture, target, loss, learning_rate):
    moved = step_autograd(picture, target, loss, learning_rate)
    target += 0.1
    return moved


def step_in_place(picture, target, loss, learning_rate):
    picture -= learning_rate * gradient(picture, target, loss)
    return picture.clamp_(0, 1)


def variation_loop(picture):
    _, _, height, width = picture.shape
    down = sum((picture[:, :, y + 1] - picture[:, :, y]).abs().sum() for y in range(height - 1))
    return down + sum((picture[..., x + 1] - picture[..., x]).abs().sum() for x in range(width - 1))


def variation_diff(picture):
    return picture.diff(dim=2).abs().sum() + picture.diff(dim=3).abs().sum()


def variation_slices(picture):
    down = torch.abs(picture[:, :, 1:] - picture[:, :, :-1])
    right = torch.abs(picture[:, :, :, 1:] - picture[:, :, :, :-1])
    return torch.sum(down) + torch.sum(right)


def mse(a, b):
    return ((a - b) ** 2).mean()


RIGHT = {
    "content_loss": {
        "loop": content_loop,
        "mean": mse,
        "functional": torch.nn.functional.mse_loss,
        "double": lambda activation, target: mse(activation.double(), target.double()),
    },
    "gram_matrix": {"loop": gram_loop, "einsum": gram_einsum, "matmul": gram_matmul, "double": gram_double},
    "style_layer_loss": {
        "loop": lambda activation, target_gram: mse(gram_loop(activation), target_gram),
        "einsum": lambda activation, target_gram: mse(gram_einsum(activation), target_gram),
        "double": lambda activation, target_gram: mse(gram_double(activation), target_gram),
    },
    "total_cost": {
        "sum": lambda content, style, alpha, beta: alpha * content + beta * style,
        "stack": lambda content, style, alpha, beta: torch.stack([content, style]) @ torch.tensor([alpha, beta]),
        "double": lambda content, style, alpha, beta: content.double() * alpha + style.double() * beta,
    },
    "balance": {
        "fraction": lambda content, style, share: share * content / (style * (1 - share)),
        "odds": lambda content, style, share: share / (1 - share) * content / style,
        "NumPy": lambda content, style, share: np.float64(content / style) / (1 / share - 1),
        "tensor": lambda content, style, share: torch.tensor(content / style / (1 / share - 1)),
    },
    "total_variation": {
        "loop": variation_loop,
        "diff": variation_diff,
        "slices": variation_slices,
        "double": lambda picture: variation_diff(picture.double()),
    },
    "one_step": {"autograd": step_autograd, "backward": step_backward, "SGD": step_sgd, "double": step_double},
}

WRONG = {
    "content_loss": [
        (lambda activation, target: ((activation - target) ** 2).sum(), "the sum where the mean"),
        (lambda activation, target: ((activation - target) ** 2).sum() / 2, "half the sum"),
        (lambda activation, target: (activation - target).mean(), "not squared"),
        (lambda activation, target: (activation - target).abs().mean(), "absolute"),
        (lambda activation, target: mse(activation, target).sqrt(), "root"),
        (lambda activation, target: (activation - target) ** 2, "expected a single number"),
        (lambda activation, target: mse(activation, target).item(), "Python number"),
        (lambda activation, target: mse(activation, target).numpy(), "NumPy where a PyTorch tensor"),
        (lambda activation, target: mse(activation.detach(), target), "goes through `target`"),
        (lambda activation, target: mse(activation.detach(), target.detach()), "no gradient reaches"),
        (lambda activation, target: activation.sub_(target).square().mean(), "changes its input `activation` in place"),
        (lambda activation, target: mse(gram_einsum(activation), gram_einsum(target)), "Gram"),
    ],
    "gram_matrix": [
        (lambda activation: activation.flatten(2) @ activation.flatten(2).mT, "forgotten"),
        (lambda activation: gram_einsum(activation) / activation.shape[1], "Divided by C H W"),
        (lambda activation: activation.flatten(2).mT @ activation.flatten(2) / 20, "transposed"),
        (lambda activation: torch.einsum("bchi,bchj->bij", activation, activation), "wrong axis"),
        (lambda activation: torch.einsum("bhwi,bhwj->bij", activation, activation) / 15, "wrong axis"),
        (lambda activation: gram_einsum(activation.permute(0, 3, 1, 2)), "wrong axis"),
        (lambda activation: gram_einsum(activation.permute(0, 2, 3, 1).reshape(activation.shape)), "scrambled"),
        (lambda activation: activation.reshape(2, 20, 3).mT @ activation.reshape(2, 20, 3) / 20, "scrambled"),
        (lambda activation: activation.reshape(6, 20) @ activation.reshape(6, 20).T / 120, "mixed"),
        (lambda activation: gram_einsum(activation).numpy(), "NumPy where"),
        (lambda activation: gram_einsum(activation).detach(), "no gradient reaches"),
        (lambda activation: torch.from_numpy(gram_einsum(activation.detach()).numpy()), "no gradient reaches"),
        (lambda activation: activation.flatten(2) @ activation.detach().flatten(2).mT / 20, "cut off"),
        (gram_in_place, "changes its input `activation` in place"),
        (gram_fails, "stops with RuntimeError"),
        (gram_nested, r"gram_matrix\(activation\)"),
        (gram_without_return, "returns None"),
        (lambda activation: gram_einsum(activation - activation.mean((2, 3), keepdim=True)), "mean is subtracted"),
        (lambda activation: gram_einsum(activation)[:, :1], r"expected \(2, 3, 3\)"),
        (lambda activation: gram_einsum(activation) * torch.nan, "not finite"),
        (lambda activation: (gram_einsum(activation), 1), "returns a tuple"),
    ],
    "style_layer_loss": [
        (lambda activation, target_gram: ((gram_einsum(activation) - target_gram) ** 2).sum(), "the sum where the mean"),
        (lambda activation, target_gram: mse(20 * gram_einsum(activation), target_gram), "normalisation is forgotten"),
        (lambda activation, target_gram: mse(gram_einsum(activation) / 3, target_gram), "divided by C H W"),
        (lambda activation, target_gram: mse(gram_einsum(activation), target_gram) / 2, "Gatys"),
        (lambda activation, target_gram: (gram_einsum(activation) - target_gram).mean(), "not squared"),
        (lambda activation, target_gram: (gram_einsum(activation) - target_gram).abs().mean(), "absolute"),
        (lambda activation, target_gram: mse(gram_einsum(activation), target_gram).item(), "Python number"),
        (lambda activation, target_gram: mse(gram_einsum(activation).detach(), target_gram), "goes through `target_gram`"),
        (lambda activation, target_gram: (gram_einsum(activation) - target_gram) ** 2, "single number"),
    ],
    "total_cost": [
        (lambda content, style, alpha, beta: beta * content + alpha * style, "swapped"),
        (lambda content, style, alpha, beta: 10 * content + 40 * style, "written into"),
        (lambda content, style, alpha, beta: content + style, "without their weights"),
        (lambda content, style, alpha, beta: content**alpha * style**beta, "exponents"),
        (lambda content, style, alpha, beta: (alpha * content + beta * style) / (alpha + beta), "divided by alpha"),
        (lambda content, style, alpha, beta: alpha * content, "style is missing"),
        (lambda content, style, alpha, beta: alpha * content.item() + beta * style.item(), "Python number"),
        (lambda content, style: content + style, "these arguments"),
    ],
    "balance": [
        (lambda content, style, share: share * content / style, "share of the total|of the total"),
        (lambda content, style, share: share * style / ((1 - share) * content), "upside down"),
        (lambda content, style, share: (1 - share) * content / (share * style), "swapped"),
        (lambda content, style, share: share / (1 - share), "losses are left out"),
        (lambda content, style, share: share, "share itself"),
        (lambda content, style, share: content / style, "one half"),
        (lambda content, style, share: content / 0, "ZeroDivisionError"),
        (lambda content, style, share: (1, share), "tuple"),
    ],
    "total_variation": [
        (lambda picture: picture.diff(dim=2).square().sum() + picture.diff(dim=3).square().sum(), "squared"),
        (lambda picture: picture.diff(dim=2).abs().mean() + picture.diff(dim=3).abs().mean(), "mean where the sum"),
        (lambda picture: picture.diff(dim=2).abs().sum(), "Only neighbours above"),
        (lambda picture: picture.diff(dim=3).abs().sum(), "Only neighbours left"),
        (lambda picture: sum((picture - picture.roll(1, d)).abs().sum() for d in (2, 3)), "roll"),
        (lambda picture: picture.diff(dim=2).sum() + picture.diff(dim=3).sum(), "cancel"),
        (lambda picture: picture.diff(dim=1).abs().sum() + picture.diff(dim=2).abs().sum(), "channels"),
        (lambda picture: variation_diff(picture).item(), "Python number"),
        (lambda picture: variation_diff(picture.detach()), "no gradient reaches"),
        (lambda picture: picture.diff(dim=2).abs().sum((1, 2, 3)) + picture.diff(dim=3).abs().sum((1, 2, 3)), "each picture"),
    ],
    "one_step": [
        (lambda p, t, loss, rate: p - rate * gradient(p, t, loss), "range 0..1"),
        (lambda p, t, loss, rate: (p + rate * gradient(p, t, loss)).clamp(0, 1), "uphill"),
        (lambda p, t, loss, rate: p, "does not move"),
        (lambda p, t, loss, rate: (p - gradient(p, t, loss)).clamp(0, 1), "learning rate"),
        (lambda p, t, loss, rate: gradient(p, t, loss), "That is the gradient"),
        (lambda p, t, loss, rate: (t - rate * -gradient(p, t, loss)).clamp(0, 1), "target that moved"),
        (lambda p, t, loss, rate: loss(p, t), "That is the loss"),
        (lambda p, t, loss, rate: step_autograd(p, t, loss, rate).numpy(), "NumPy where"),
        (step_through_target, "gradient of the target"),
        (step_moves_target, "changes its input `target` in place"),
        (step_in_place, "changes its input `picture` in place"),
    ],
}
UNUSABLE = {}
EMPTY = [gram_empty, lambda activation: ..., lambda activation: None, None, ...]
