"""Answers to the exercises in PyTorch, right and wrong. WRONG pairs each with words that its hint must have."""

import numpy as np
import torch


def places(activation):
    return activation[0, 0].numel()


def misread(activation):
    """(B, C, H, W) memory read as (B, H W, C)."""
    return activation.reshape(len(activation), -1, activation.shape[1])


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


MEAN = torch.tensor([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1)  # B, G, R


def prepare_loop(picture):
    red, green, blue = picture.unbind(1)
    return torch.stack([255 * blue - 103.939, 255 * green - 116.779, 255 * red - 123.68], 1)


def prepare_index(picture):
    return picture[:, [2, 1, 0]] * 255 - MEAN


def prepare_einsum(picture):
    swap = torch.eye(3).flip(0)
    return 255 * torch.einsum("oc,bchw->bohw", swap, picture) - MEAN


def undo_loop(pixels):
    planes = [(pixels[:, c] + MEAN[0, c]) / 255 for c in (2, 1, 0)]
    return torch.stack(planes, 1).clamp(0, 1)


def undo(pixels):
    return (pixels + MEAN).flip(1) / 255


def undo_in_place(pixels):
    pixels += MEAN
    return (pixels.flip(1) / 255).clamp(0, 1)


def gradient_keeps_adding(picture, target, loss):
    picture.requires_grad_(True)
    loss(picture, target).backward()
    return picture.grad


def gradient_backward(picture, target, loss):
    moving = picture.clone().detach().requires_grad_(True)
    loss(moving, target.detach()).backward()
    return moving.grad


def gradient_twice(picture, target, loss):
    moving = picture.clone().requires_grad_(True)
    loss(moving, target).backward()
    loss(moving, target).backward()
    return moving.grad


def gradient_of_target(picture, target, loss):
    moving = target.clone().requires_grad_(True)
    return torch.autograd.grad(loss(picture, moving), moving)[0]


def gradient_unrecorded(picture, target, loss):
    return torch.autograd.grad(loss(picture, target), picture)[0]


def gradient_double(picture, target, loss):
    return gradient(picture.double(), target.double(), loss)


def walk(picture, target, loss, steps, learning_rate, step=None, end=lambda picture: picture):
    step = step or (lambda picture: (picture - learning_rate * gradient(picture, target, loss)).clamp(0, 1))
    for _ in range(steps):
        picture = step(picture)
    return end(picture)


def walk_sgd(picture, target, loss, steps, learning_rate, method=torch.optim.SGD):
    moving = picture.detach().clone().requires_grad_(True)
    optimiser = method([moving], lr=learning_rate)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(moving, target).backward()
        optimiser.step()
        with torch.no_grad():
            moving.clamp_(0, 1)
    return moving.detach()


def walk_backward(picture, target, loss, steps, learning_rate):
    for _ in range(steps):
        picture = picture.detach().requires_grad_(True)
        loss(picture, target).backward()
        picture = torch.clip(picture - learning_rate * picture.grad, 0, 1)
    return picture


def walk_adds_up(picture, target, loss, steps, learning_rate):
    moving = picture.detach().clone().requires_grad_(True)
    for _ in range(steps):
        loss(moving, target).backward()
        with torch.no_grad():
            moving.copy_((moving - learning_rate * moving.grad).clamp(0, 1))
    return moving.detach()


def walk_one_slope(picture, target, loss, steps, learning_rate):
    slope = gradient(picture, target, loss)
    return walk(picture, target, loss, steps, learning_rate, lambda now: (now - learning_rate * slope).clamp(0, 1))


def walk_from_the_start(picture, target, loss, steps, learning_rate):
    moved = picture
    for _ in range(steps):
        moved = step_autograd(picture, target, loss, learning_rate)
    return moved


def walk_one_loss(picture, target, loss, steps, learning_rate):
    moving = picture.detach().clone().requires_grad_(True)
    value = loss(moving, target)
    for _ in range(steps):
        value.backward()
    return moving.detach()


def walk_in_place(picture, target, loss, steps, learning_rate):
    for _ in range(steps):
        picture -= learning_rate * gradient(picture, target, loss)
        picture.clamp_(0, 1)
    return picture


def walk_leaf(picture, target, loss, steps, learning_rate):
    moving = picture.clone().requires_grad_(True)
    for _ in range(steps):
        moving -= learning_rate * gradient(moving, target, loss)
    return moving


def decibels(error):
    return -10 * torch.log10(error)


def psnr_loop(picture, original):
    total = sum((a - b) ** 2 for a, b in zip(picture.flatten(), original.flatten(), strict=True))
    return 10 * torch.log10(picture.numel() / total)


def styles_loop(activations, target_grams, weights):
    total = 0.0
    for layer, activation in activations.items():
        total = total + weights[layer] * mse(gram_matmul(activation), target_grams[layer])
    return total


def styles(activations, target_grams, weights, gram=gram_einsum, layer_loss=mse):
    return sum(weights[layer] * layer_loss(gram(activations[layer]), target_grams[layer]) for layer in weights)


def styles_stacked(activations, target_grams, weights):
    losses = torch.stack([mse(gram_einsum(activations[layer]), target_grams[layer]) for layer in weights])
    return losses @ torch.tensor(list(weights.values()))


def styles_overwritten(activations, target_grams, weights):
    for layer in activations:
        total = weights[layer] * mse(gram_einsum(activations[layer]), target_grams[layer])
    return total


def styles_by_place(activations, target_grams, weights):
    triples = zip(activations.values(), target_grams.values(), weights.values(), strict=True)
    return sum(weight * mse(gram_einsum(activation), target) for activation, target, weight in triples)


def styles_early(activations, target_grams, weights):
    for layer in activations:
        return weights[layer] * mse(gram_einsum(activations[layer]), target_grams[layer])


def styles_pop(activations, target_grams, weights):
    total = styles(activations, target_grams, weights)
    activations.pop("conv1_1", None)
    return total


def styles_three(activations, target_grams, weights):
    layers = ("conv1_1", "conv2_1", "conv3_1")
    return sum(weights[layer] * mse(gram_einsum(activations[layer]), target_grams[layer]) for layer in layers)


def slices(picture):
    here = picture[:, :, :-1, :-1]
    return picture[:, :, 1:, :-1] - here, picture[:, :, :-1, 1:] - here


def keras_slices(picture):
    dy, dx = slices(picture)
    return ((dx**2 + dy**2) ** 1.25).sum()


def keras_diff(picture):
    dy, dx = picture.diff(dim=2)[..., :-1], picture.diff(dim=3)[:, :, :-1]
    return torch.sum(torch.pow(dx.square() + dy.square(), 1.25))


def keras_loop(picture):
    total = 0
    for y in range(picture.shape[2] - 1):
        for x in range(picture.shape[3] - 1):
            dy, dx = picture[:, :, y + 1, x] - picture[:, :, y, x], picture[:, :, y, x + 1] - picture[:, :, y, x]
            total = total + ((dx**2 + dy**2) ** 1.25).sum()
    return total


def power(dy, dx, exponent=1.25):
    return ((dx**2 + dy**2) ** exponent).sum()


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
    "preprocess": {
        "loop": prepare_loop, "index": prepare_index, "einsum": prepare_einsum,
        "double": lambda picture: prepare_index(picture.double()),
    },
    "deprocess": {
        "loop": undo_loop, "flip": lambda pixels: undo(pixels).clamp(0, 1),
        "minimum": lambda pixels: undo(pixels).clip(0).minimum(torch.tensor(1.0)),
        "double": lambda pixels: undo(pixels.double()).clamp(0, 1),
    },
    "picture_gradient": {
        "autograd": gradient, "backward": gradient_backward, "double": gradient_double,
        "functional": lambda picture, target, loss: torch.autograd.functional.vjp(lambda x: loss(x, target), picture)[1],
    },
    "reconstruct": {"loop": walk, "SGD": walk_sgd, "backward": walk_backward,
                    "double": lambda picture, *others: walk(picture.double(), *others)},
    "psnr": {
        "loop": psnr_loop,
        "mean": lambda picture, original: decibels(mse(picture, original)),
        "root": lambda picture, original: 20 * torch.log10(1 / mse(picture, original).sqrt()),
        "natural": lambda picture, original: -10 * mse(picture, original).log() / np.log(10),
        "double": lambda picture, original: decibels(mse(picture.double(), original.double())),
    },
    "style_loss": {
        "loop": styles_loop, "sum": styles, "stack": styles_stacked,
        "double": lambda activations, *others: styles(activations, *others, gram=gram_double),
    },
    "keras_variation": {
        "loop": keras_loop, "slices": keras_slices, "diff": keras_diff,
        "double": lambda picture: keras_slices(picture.double()),
    },
}  # fmt: skip

WRONG = {
    "content_loss": [
        (lambda activation, target: ((activation - target) ** 2).sum(), "the sum where the mean"),
        (lambda activation, target: ((activation - target) ** 2).sum() / 2, "half the sum"),
        (lambda activation, target: (activation - target).mean(), "not squared"),
        (lambda activation, target: mse(activation, target) / 4, "quarter"),
        (lambda activation, target: mse(activation, target)[None], r"Shape \(1,\).*with \[0\]"),
        (lambda activation, target: torch.norm(activation - target), "length"),
        (lambda activation, target: mse(activation[0], target[0]), "first picture"),
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
        (lambda activation: activation.flatten(2).mT @ activation.flatten(2) / places(activation), "transposed"),
        (lambda activation: torch.einsum("bchi,bchj->bij", activation, activation), "wrong axis"),
        (
            lambda activation: torch.einsum("bhwi,bhwj->bij", activation, activation) / activation[0, :, :, 0].numel(),
            "wrong axis",
        ),
        (lambda activation: gram_einsum(activation.permute(0, 3, 1, 2)), "wrong axis"),
        (lambda activation: gram_einsum(activation.permute(0, 2, 3, 1).reshape(activation.shape)), "scrambled"),
        (lambda activation: misread(activation).mT @ misread(activation) / places(activation), "scrambled"),
        (lambda activation: torch.tensordot(activation, activation, ((0, 2, 3), (0, 2, 3))) / activation.numel(), "mixed"),
        (
            lambda activation: activation.flatten(2).flatten(0, 1) @ activation.flatten(2).flatten(0, 1).T / activation.numel(),
            "mixed",
        ),
        (lambda activation: gram_einsum(activation).numpy(), "NumPy where"),
        (lambda activation: gram_einsum(activation).detach(), "no gradient reaches"),
        (lambda activation: torch.from_numpy(gram_einsum(activation.detach()).numpy()), "no gradient reaches"),
        (lambda activation: activation.flatten(2) @ activation.detach().flatten(2).mT / places(activation), "cut off"),
        (lambda activation: gram_einsum(activation) * 1.5, "every value is 1.5 times"),
        (
            lambda activation: gram_einsum(activation) * places(activation) / 24,
            "Right for one input, but not for another, of . x . places",
        ),
        (
            lambda activation: gram_einsum(activation.reshape(3, 5, 4, 6)),
            r"Right for one input, but not for another, .*: Line \d+ stops",
        ),
        (lambda activation: torch.corrcoef(activation[0].flatten(1)), "Keep the batch axis"),
        (
            lambda activation: gram_matmul(torch.nn.functional.normalize(activation.flatten(2), dim=2)) * places(activation),
            "cosine",
        ),
        (gram_in_place, "changes its input `activation` in place"),
        (gram_fails, "stops with RuntimeError"),
        (gram_nested, r"gram_matrix\(activation\)"),
        (gram_without_return, "returns None"),
        (lambda activation: gram_einsum(activation - activation.mean((2, 3), keepdim=True)), "mean is subtracted"),
        (lambda activation: gram_einsum(activation)[:, :1], r"expected \(\d, (\d), \1\)"),
        (lambda activation: gram_einsum(activation) * torch.nan, "not finite"),
        (lambda activation: (gram_einsum(activation), 1), "returns a tuple"),
    ],
    "style_layer_loss": [
        (lambda activation, target_gram: ((gram_einsum(activation) - target_gram) ** 2).sum(), "the sum where the mean"),
        (
            lambda activation, target_gram: mse(places(activation) * gram_einsum(activation), target_gram),
            "normalisation is forgotten",
        ),
        (lambda activation, target_gram: mse(gram_einsum(activation) / activation.shape[1], target_gram), "divided by C H W"),
        (lambda activation, target_gram: mse(gram_einsum(activation), target_gram) * len(activation) / 4, "Gatys"),
        (
            lambda activation, target_gram: (
                ((places(activation) * gram_einsum(activation) - target_gram) ** 2).sum() / (4 * activation[0].numel() ** 2)
            ),
            "Gatys.*like with like",
        ),
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
        (lambda content, style, alpha, beta: alpha * content + (1 - alpha) * style, "1 - alpha"),
        (lambda content, style: content + style, "these arguments"),
    ],
    "balance": [
        (lambda content, style, share: share * content / style, "share of the total|of the total"),
        (lambda content, style, share: share * style / ((1 - share) * content), "upside down"),
        (lambda content, style, share: (1 - share) * content / (share * style), "swapped"),
        (lambda content, style, share: share / (1 - share), "losses are left out"),
        (lambda content, style, share: share, "share itself"),
        (lambda content, style, share: content / style, "one half"),
        (lambda content, style, share: int(share * content / ((1 - share) * style)), "rounded"),
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
        (lambda picture: variation_diff(255 * picture), "0..255"),
        (lambda picture: (picture[:, :, 1:, 1:] - picture[:, :, :-1, :-1]).abs().sum(), "across the corner"),
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
        (lambda p, t, loss, rate: (p - rate * (p - t)).clamp(0, 1), "loss of your own"),
        (lambda p, t, loss, rate: (p - rate * loss(p, t)).clamp(0, 1), "loss itself is subtracted"),
        (step_through_target, "gradient of the target"),
        (step_moves_target, "changes its input `target` in place"),
        (step_in_place, "changes its input `picture` in place"),
    ],
    "preprocess": [
        (lambda picture: picture, "comes back as it went in"),
        (lambda picture: picture * 255 - MEAN, "RGB and BGR are swapped"),
        (lambda picture: picture * 255 - MEAN.flip(1), "RGB and BGR are swapped"),
        (lambda picture: picture.flip(1) * 255 - MEAN.flip(1), "swapped in the mean"),
        (lambda picture: (picture.flip(1) - MEAN) * 255, "before scaling"),
        (lambda picture: picture.flip(1) - MEAN, "not scaled"),
        (lambda picture: picture.flip(1) * 255, "mean is not subtracted"),
        (lambda picture: picture.flip(1) * 255 + MEAN, "is added"),
        (lambda picture: picture.flip(1) * 255 - MEAN / 255, "divided by 255"),
        (lambda picture: picture.flip(2) * 255 - MEAN, "mirrored"),
        (lambda picture: picture.flip(-1) * 255 - MEAN, "mirrored"),
        (lambda picture: prepare_index(picture).clamp(0, 255), "clipped"),
        (lambda picture: prepare_index(picture).permute(0, 2, 3, 1), "The axes are in another order"),
        (lambda picture: (picture * 255).to(torch.uint8).flip(1) - MEAN, "rounded"),
        (lambda picture: prepare_index(picture).numpy(), "NumPy where"),
        (lambda picture: prepare_index(picture.detach()), "no gradient reaches"),
        (lambda picture: picture[:, [2, 1, 0]] * 255 - MEAN.flatten(), "RuntimeError.*channels are axis 1"),
        (lambda picture: picture[:, ::-1] * 255 - MEAN, "use flip"),
        (lambda picture: picture.mul_(255).flip(1) - MEAN, "changes its input `picture` in place"),
        (lambda picture: prepare_index(picture)[0], "expected the shape of the picture"),
        (
            lambda picture: (
                (picture - torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1))
                / torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
            ),
            "torchvision",
        ),
    ],
    "deprocess": [
        (lambda pixels: pixels, "come back as they went in"),
        (undo, "leaves its range 0..1"),
        (lambda pixels: ((pixels + MEAN) / 255).clamp(0, 1), "RGB and BGR are swapped"),
        (lambda pixels: ((pixels.flip(1) + MEAN) / 255).clamp(0, 1), "for the mean"),
        (lambda pixels: (pixels.flip(1) / 255).clamp(0, 1), "mean is not added"),
        (lambda pixels: (pixels.flip(1) / 255 + MEAN.flip(1)).clamp(0, 1), "not yet"),
        (lambda pixels: ((pixels - MEAN).flip(1) / 255).clamp(0, 1), "subtracted once more"),
        (lambda pixels: (pixels + MEAN).flip(1).clamp(0, 255), "not divided by 255"),
        (lambda pixels: (pixels + MEAN).flip(1).clamp(0, 1), "divide first"),
        (lambda pixels: (pixels + MEAN).flip(1).clamp(0, 1) / 255, "before dividing"),
        (lambda pixels: (undo(pixels.clamp(0, 255))).clamp(0, 1), "before the mean"),
        (lambda pixels: undo(pixels).clamp(min=0), "lower end"),
        (lambda pixels: undo(pixels).clamp(max=1), "upper end"),
        (lambda pixels: (undo(pixels) - undo(pixels).min()) / (undo(pixels).max() - undo(pixels).min()), "stretched"),
        (lambda pixels: (255 * undo(pixels).clamp(0, 1)).to(torch.uint8) / 255, "8 bits"),
        (lambda pixels: undo(pixels).clamp(0, 1).permute(0, 2, 3, 1), "another order"),
        (lambda pixels: undo(pixels).clamp(0, 1).numpy(), "NumPy where a PyTorch tensor"),
        (undo_in_place, "changes its input `pixels` in place"),
    ],
    "picture_gradient": [
        (gradient_of_target, "gradient with respect to the target"),
        (lambda picture, target, loss: -gradient(picture, target, loss), "opposite sign"),
        (lambda picture, target, loss: loss(picture, target), "That is the loss"),
        (lambda picture, target, loss: picture - gradient(picture, target, loss), "moved picture"),
        (lambda picture, target, loss: picture - target, "difference to the target"),
        (lambda picture, target, loss: gradient(picture, target, mse), "loss of your own"),
        (gradient_twice, "two calls of backward"),
        (gradient_keeps_adding, "second call"),
        (lambda picture, target, loss: gradient(picture, target, loss).sign(), "Only the sign"),
        (lambda picture, target, loss: gradient(picture, target, loss).clamp(0, 1), "clipped"),
        (lambda picture, target, loss: gradient(picture, target, loss).abs(), "keep the sign"),
        (lambda picture, target, loss: gradient(picture, target, loss).numpy(), "NumPy where"),
        (gradient_unrecorded, "RuntimeError.*Nothing was recorded"),
        (lambda picture, target, loss: loss(picture.requires_grad_(True), target).backward(), r"None.*\.grad"),
        (lambda picture, target, loss: gradient(target, target, loss), "0 everywhere"),
        (lambda picture, target, loss: gradient(picture, target, loss).permute(0, 2, 3, 1), "another order"),
        (lambda picture, target, loss: [gradient(picture, target, loss)], "a list where one tensor"),
    ],
    "reconstruct": [
        (lambda picture, target, loss, steps, rate: picture, "does not move"),
        (lambda picture, target, loss, steps, rate: target, "the target itself"),
        (walk_from_the_start, "Only one step"),
        (lambda picture, target, loss, steps, rate: walk(picture, target, loss, steps - 1, rate), "one step too few"),
        (lambda picture, target, loss, steps, rate: walk(picture, target, loss, steps + 1, rate), "one step too many"),
        (
            lambda picture, target, loss, steps, rate: walk(
                picture,
                target,
                loss,
                steps,
                rate,
                lambda now: now - rate * gradient(now, target, loss),
                lambda end: end.clamp(0, 1),
            ),
            "only at the end",
        ),
        (
            lambda picture, target, loss, steps, rate: walk(
                picture, target, loss, steps, rate, lambda now: now - rate * gradient(now, target, loss)
            ),
            "range 0..1",
        ),
        (lambda picture, target, loss, steps, rate: walk(picture, target, loss, steps, -rate), "uphill"),
        (walk_adds_up, "add up"),
        (walk_one_slope, "same gradient"),
        (lambda picture, target, loss, steps, rate: walk(picture, target, loss, steps, 1.0), "learning rate is not used"),
        (lambda *case: walk_sgd(*case, method=torch.optim.Adam), "Adam"),
        (walk_one_loss, "second time.*inside the loop"),
        (walk_in_place, "changes its input `picture` in place"),
        (walk_leaf, "not changed in place"),
        (lambda *case: walk(*case).numpy(), "NumPy where"),
        (lambda picture, target, loss, steps, rate: loss(walk(picture, target, loss, steps, rate), target), "That is the loss"),
        (lambda picture, target, loss, steps, rate: walk(picture, target, loss, max(steps, 1), rate), "steps = 0"),
    ],
    "psnr": [
        (lambda picture, original: -decibels(mse(picture, original)), "sign"),
        (lambda picture, original: -10 * mse(picture, original).log(), "natural logarithm"),
        (lambda picture, original: -10 * mse(picture, original).log2(), "base 2"),
        (lambda picture, original: -mse(picture, original).log10(), "bels"),
        (lambda picture, original: 20 * torch.log10(1 / mse(picture, original)), "20 goes with the root"),
        (lambda picture, original: 20 * torch.log10(255 / mse(picture, original).sqrt()), "255"),
        (lambda picture, original: decibels(mse(255 * picture, 255 * original)), "peak is left at 1"),
        (lambda picture, original: decibels((picture - original).square().sum()), "sum of the squares"),
        (lambda picture, original: decibels((picture - original).abs().mean()), "mean absolute error"),
        (lambda picture, original: mse(picture, original), "error alone"),
        (lambda picture, original: decibels((picture - original) ** 2).mean(), "every pixel"),
        (lambda picture, original: decibels(((picture - original) ** 2).mean((2, 3))), "single number"),
        (lambda picture, original: decibels(mse(picture, original)).item(), "Python number"),
        (lambda picture, original: decibels(mse(picture, original)).numpy(), "NumPy where"),
        (lambda picture, original: torch.log10((picture - original).mean()), "not finite|value is"),
        (lambda picture, original: decibels(picture.sub_(original).square().mean()), "changes its input `picture`"),
    ],
    "style_loss": [
        (lambda a, t, w: styles(a, t, dict.fromkeys(w, 1.0)), "without their weights"),
        (lambda a, t, w: styles(a, t, w) / len(w), "number of layers"),
        (lambda a, t, w: styles(a, t, w) / sum(w.values()), "sum of the weights"),
        (styles_overwritten, "Only one layer"),
        (styles_early, "Only one layer"),
        (styles_by_place, "position"),
        (lambda a, t, w: styles(a, t, w, lambda x: gram_einsum(x) * x[0, 0].numel()), "normalisation is forgotten"),
        (lambda a, t, w: styles(a, t, w, lambda x: gram_einsum(x) / x.shape[1]), "C H W"),
        (lambda a, t, w: styles(a, t, w, layer_loss=lambda x, y: ((x - y) ** 2).sum()), "sum over the entries"),
        (lambda a, t, w: styles(a, t, w, layer_loss=lambda x, y: (x - y).mean()), "not squared"),
        (lambda a, t, w: styles(a, t, w).item(), "Python number"),
        (lambda a, t, w: styles({layer: x.detach() for layer, x in a.items()}, t, w), "goes through `target_grams`"),
        (lambda a, t, w: styles(a | {"conv1_1": a["conv1_1"].detach()} if "conv1_1" in a else a, t, w), "cut off"),
        (styles_pop, "changes its input `activations` in place"),
        (styles_three, "KeyError"),
        (lambda a, t, w: torch.stack([w[k] * mse(gram_einsum(a[k]), t[k]) for k in a]), "one number for each layer"),
    ],
    "keras_variation": [
        (lambda picture: power(*slices(picture), 1), "exponent 1.25 is missing"),
        (lambda picture: power(*slices(picture), 0.5), "root"),
        (lambda picture: power(*slices(picture), 2.5), "2.5"),
        (lambda picture: power(*slices(picture), 1) ** 1.25, "whole sum"),
        (lambda picture: sum(part.abs().pow(2.5).sum() for part in slices(picture)), "apart"),
        (lambda picture: (picture.diff(dim=2).abs() ** 2.5).sum() + (picture.diff(dim=3).abs() ** 2.5).sum(), "apart"),
        (lambda picture: ((slices(picture)[0] ** 2 + slices(picture)[1] ** 2) ** 1.25).mean(), "mean where the sum"),
        (lambda picture: variation_slices(picture), "absolute differences"),
        (lambda picture: power(picture - picture.roll(-1, 2), picture - picture.roll(-1, 3)), "roll"),
        (lambda picture: keras_slices(picture[:, :, :-1]), "ends of the slices"),
        (lambda picture: power(slices(picture)[0], picture[:, :, :-1, :-1] - picture[:, :, -1:, 1:]), "colon"),
        (lambda picture: power(*slices(picture.transpose(1, 3))), "channels"),
        (lambda picture: keras_slices(picture).item(), "Python number"),
        (lambda picture: keras_slices(picture.detach()), "no gradient reaches"),
        (lambda picture: keras_slices(picture) / len(picture), "sum over the batch"),
        (lambda picture: power(picture.diff(dim=2), picture.diff(dim=3)), "RuntimeError"),
        (lambda picture: power(slices(picture)[0], 0), "above and below"),
    ],
}
UNUSABLE = {}
EMPTY = [gram_empty, lambda activation: ..., lambda activation: None, None, ...]
