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


def step_autograd(image, target, loss, learning_rate):
    moving = image.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(moving, target), moving)
    return (image - learning_rate * gradient).clamp(0, 1)


def step_backward(image, target, loss, learning_rate):
    moving = image.detach().clone().requires_grad_(True)
    loss(moving, target).backward()
    with torch.no_grad():
        return torch.clamp(moving - learning_rate * moving.grad, 0.0, 1.0)


def step_sgd(image, target, loss, learning_rate):
    moving = torch.nn.Parameter(image.clone())
    loss(moving, target).backward()
    torch.optim.SGD([moving], learning_rate).step()
    return moving.detach().clamp(0, 1)


def step_double(image, target, loss, learning_rate):
    moving = image.double().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(moving, target.double()), moving)
    return (image.double() - learning_rate * gradient).clamp(0, 1)


def gradient(image, target, loss):
    moving = image.detach().clone().requires_grad_(True)
    return torch.autograd.grad(loss(moving, target), moving)[0]


def step_through_target(image, target, loss, learning_rate):
    moving = target.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(loss(image, moving), moving)
    return (image - learning_rate * slope).clamp(0, 1)


def step_moves_target(image, target, loss, learning_rate):
    moved = step_autograd(image, target, loss, learning_rate)
    target += 0.1
    return moved


def step_in_place(image, target, loss, learning_rate):
    image -= learning_rate * gradient(image, target, loss)
    return image.clamp_(0, 1)


def variation_loop(image):
    _, _, height, width = image.shape
    down = sum((image[:, :, y + 1] - image[:, :, y]).abs().sum() for y in range(height - 1))
    return down + sum((image[..., x + 1] - image[..., x]).abs().sum() for x in range(width - 1))


def variation_diff(image):
    return image.diff(dim=2).abs().sum() + image.diff(dim=3).abs().sum()


def variation_slices(image):
    down = torch.abs(image[:, :, 1:] - image[:, :, :-1])
    right = torch.abs(image[:, :, :, 1:] - image[:, :, :, :-1])
    return torch.sum(down) + torch.sum(right)


def mse(a, b):
    return ((a - b) ** 2).mean()


MEAN = torch.tensor([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1)  # B, G, R


def prepare_loop(image):
    red, green, blue = image.unbind(1)
    return torch.stack([255 * blue - 103.939, 255 * green - 116.779, 255 * red - 123.68], 1)


def prepare_index(image):
    return image[:, [2, 1, 0]] * 255 - MEAN


def prepare_einsum(image):
    swap = torch.eye(3).flip(0)
    return 255 * torch.einsum("oc,bchw->bohw", swap, image) - MEAN


def undo_loop(pixels):
    planes = [(pixels[:, c] + MEAN[0, c]) / 255 for c in (2, 1, 0)]
    return torch.stack(planes, 1).clamp(0, 1)


def undo(pixels):
    return (pixels + MEAN).flip(1) / 255


def undo_in_place(pixels):
    pixels += MEAN
    return (pixels.flip(1) / 255).clamp(0, 1)


def gradient_keeps_adding(image, target, loss):
    image.requires_grad_(True)
    loss(image, target).backward()
    return image.grad


def gradient_backward(image, target, loss):
    moving = image.clone().detach().requires_grad_(True)
    loss(moving, target.detach()).backward()
    return moving.grad


def gradient_twice(image, target, loss):
    moving = image.clone().requires_grad_(True)
    loss(moving, target).backward()
    loss(moving, target).backward()
    return moving.grad


def gradient_of_target(image, target, loss):
    moving = target.clone().requires_grad_(True)
    return torch.autograd.grad(loss(image, moving), moving)[0]


def gradient_unrecorded(image, target, loss):
    return torch.autograd.grad(loss(image, target), image)[0]


def gradient_double(image, target, loss):
    return gradient(image.double(), target.double(), loss)


def walk(image, target, loss, steps, learning_rate, step=None, end=lambda image: image):
    step = step or (lambda image: (image - learning_rate * gradient(image, target, loss)).clamp(0, 1))
    for _ in range(steps):
        image = step(image)
    return end(image)


def walk_sgd(image, target, loss, steps, learning_rate, method=torch.optim.SGD):
    moving = image.detach().clone().requires_grad_(True)
    optimiser = method([moving], lr=learning_rate)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(moving, target).backward()
        optimiser.step()
        with torch.no_grad():
            moving.clamp_(0, 1)
    return moving.detach()


def walk_backward(image, target, loss, steps, learning_rate):
    for _ in range(steps):
        image = image.detach().requires_grad_(True)
        loss(image, target).backward()
        image = torch.clip(image - learning_rate * image.grad, 0, 1)
    return image


def walk_adds_up(image, target, loss, steps, learning_rate):
    moving = image.detach().clone().requires_grad_(True)
    for _ in range(steps):
        loss(moving, target).backward()
        with torch.no_grad():
            moving.copy_((moving - learning_rate * moving.grad).clamp(0, 1))
    return moving.detach()


def walk_one_slope(image, target, loss, steps, learning_rate):
    slope = gradient(image, target, loss)
    return walk(image, target, loss, steps, learning_rate, lambda now: (now - learning_rate * slope).clamp(0, 1))


def walk_from_the_start(image, target, loss, steps, learning_rate):
    moved = image
    for _ in range(steps):
        moved = step_autograd(image, target, loss, learning_rate)
    return moved


def walk_one_loss(image, target, loss, steps, learning_rate):
    moving = image.detach().clone().requires_grad_(True)
    value = loss(moving, target)
    for _ in range(steps):
        value.backward()
    return moving.detach()


def walk_in_place(image, target, loss, steps, learning_rate):
    for _ in range(steps):
        image -= learning_rate * gradient(image, target, loss)
        image.clamp_(0, 1)
    return image


def walk_leaf(image, target, loss, steps, learning_rate):
    moving = image.clone().requires_grad_(True)
    for _ in range(steps):
        moving -= learning_rate * gradient(moving, target, loss)
    return moving


def decibels(error):
    return -10 * torch.log10(error)


def psnr_loop(image, original):
    total = sum((a - b) ** 2 for a, b in zip(image.flatten(), original.flatten(), strict=True))
    return 10 * torch.log10(image.numel() / total)


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


def slices(image):
    here = image[:, :, :-1, :-1]
    return image[:, :, 1:, :-1] - here, image[:, :, :-1, 1:] - here


def keras_slices(image):
    dy, dx = slices(image)
    return ((dx**2 + dy**2) ** 1.25).sum()


def keras_diff(image):
    dy, dx = image.diff(dim=2)[..., :-1], image.diff(dim=3)[:, :, :-1]
    return torch.sum(torch.pow(dx.square() + dy.square(), 1.25))


def keras_loop(image):
    total = 0
    for y in range(image.shape[2] - 1):
        for x in range(image.shape[3] - 1):
            dy, dx = image[:, :, y + 1, x] - image[:, :, y, x], image[:, :, y, x + 1] - image[:, :, y, x]
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
        "double": lambda image: variation_diff(image.double()),
    },
    "one_step": {"autograd": step_autograd, "backward": step_backward, "SGD": step_sgd, "double": step_double},
    "preprocess": {
        "loop": prepare_loop, "index": prepare_index, "einsum": prepare_einsum,
        "double": lambda image: prepare_index(image.double()),
    },
    "deprocess": {
        "loop": undo_loop, "flip": lambda pixels: undo(pixels).clamp(0, 1),
        "minimum": lambda pixels: undo(pixels).clip(0).minimum(torch.tensor(1.0)),
        "double": lambda pixels: undo(pixels.double()).clamp(0, 1),
    },
    "picture_gradient": {
        "autograd": gradient, "backward": gradient_backward, "double": gradient_double,
        "functional": lambda image, target, loss: torch.autograd.functional.vjp(lambda x: loss(x, target), image)[1],
    },
    "reconstruct": {"loop": walk, "SGD": walk_sgd, "backward": walk_backward,
                    "double": lambda image, *others: walk(image.double(), *others)},
    "psnr": {
        "loop": psnr_loop,
        "mean": lambda image, original: decibels(mse(image, original)),
        "root": lambda image, original: 20 * torch.log10(1 / mse(image, original).sqrt()),
        "natural": lambda image, original: -10 * mse(image, original).log() / np.log(10),
        "double": lambda image, original: decibels(mse(image.double(), original.double())),
    },
    "style_loss": {
        "loop": styles_loop, "sum": styles, "stack": styles_stacked,
        "double": lambda activations, *others: styles(activations, *others, gram=gram_double),
    },
    "keras_variation": {
        "loop": keras_loop, "slices": keras_slices, "diff": keras_diff,
        "double": lambda image: keras_slices(image.double()),
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
        (lambda activation, target: mse(activation[0], target[0]), "first image"),
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
        (lambda image: image.diff(dim=2).square().sum() + image.diff(dim=3).square().sum(), "squared"),
        (lambda image: image.diff(dim=2).abs().mean() + image.diff(dim=3).abs().mean(), "mean where the sum"),
        (lambda image: image.diff(dim=2).abs().sum(), "Only neighbours above"),
        (lambda image: image.diff(dim=3).abs().sum(), "Only neighbours left"),
        (lambda image: sum((image - image.roll(1, d)).abs().sum() for d in (2, 3)), "roll"),
        (lambda image: image.diff(dim=2).sum() + image.diff(dim=3).sum(), "cancel"),
        (lambda image: image.diff(dim=1).abs().sum() + image.diff(dim=2).abs().sum(), "channels"),
        (lambda image: variation_diff(image).item(), "Python number"),
        (lambda image: variation_diff(255 * image), "0..255"),
        (lambda image: (image[:, :, 1:, 1:] - image[:, :, :-1, :-1]).abs().sum(), "across the corner"),
        (lambda image: variation_diff(image.detach()), "no gradient reaches"),
        (lambda image: image.diff(dim=2).abs().sum((1, 2, 3)) + image.diff(dim=3).abs().sum((1, 2, 3)), "each image"),
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
        (step_in_place, "changes its input `image` in place"),
    ],
    "preprocess": [
        (lambda image: image, "comes back as it went in"),
        (lambda image: image * 255 - MEAN, "RGB and BGR are swapped"),
        (lambda image: image * 255 - MEAN.flip(1), "RGB and BGR are swapped"),
        (lambda image: image.flip(1) * 255 - MEAN.flip(1), "swapped in the mean"),
        (lambda image: (image.flip(1) - MEAN) * 255, "before scaling"),
        (lambda image: image.flip(1) - MEAN, "not scaled"),
        (lambda image: image.flip(1) * 255, "mean is not subtracted"),
        (lambda image: image.flip(1) * 255 + MEAN, "is added"),
        (lambda image: image.flip(1) * 255 - MEAN / 255, "divided by 255"),
        (lambda image: image.flip(2) * 255 - MEAN, "mirrored"),
        (lambda image: image.flip(-1) * 255 - MEAN, "mirrored"),
        (lambda image: prepare_index(image).clamp(0, 255), "clipped"),
        (lambda image: prepare_index(image).permute(0, 2, 3, 1), "The axes are in another order"),
        (lambda image: (image * 255).to(torch.uint8).flip(1) - MEAN, "rounded"),
        (lambda image: prepare_index(image).numpy(), "NumPy where"),
        (lambda image: prepare_index(image.detach()), "no gradient reaches"),
        (lambda image: image[:, [2, 1, 0]] * 255 - MEAN.flatten(), "RuntimeError.*channels are axis 1"),
        (lambda image: image[:, ::-1] * 255 - MEAN, "use flip"),
        (lambda image: image.mul_(255).flip(1) - MEAN, "changes its input `image` in place"),
        (lambda image: prepare_index(image)[0], "expected the shape of the image"),
        (
            lambda image: (
                (image - torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1))
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
        (lambda image, target, loss: -gradient(image, target, loss), "opposite sign"),
        (lambda image, target, loss: loss(image, target), "That is the loss"),
        (lambda image, target, loss: image - gradient(image, target, loss), "moved image"),
        (lambda image, target, loss: image - target, "difference to the target"),
        (lambda image, target, loss: gradient(image, target, mse), "loss of your own"),
        (gradient_twice, "two calls of backward"),
        (gradient_keeps_adding, "second call"),
        (lambda image, target, loss: gradient(image, target, loss).sign(), "Only the sign"),
        (lambda image, target, loss: gradient(image, target, loss).clamp(0, 1), "clipped"),
        (lambda image, target, loss: gradient(image, target, loss).abs(), "keep the sign"),
        (lambda image, target, loss: gradient(image, target, loss).numpy(), "NumPy where"),
        (gradient_unrecorded, "RuntimeError.*Nothing was recorded"),
        (lambda image, target, loss: loss(image.requires_grad_(True), target).backward(), r"None.*\.grad"),
        (lambda image, target, loss: gradient(target, target, loss), "0 everywhere"),
        (lambda image, target, loss: gradient(image, target, loss).permute(0, 2, 3, 1), "another order"),
        (lambda image, target, loss: [gradient(image, target, loss)], "a list where one tensor"),
    ],
    "reconstruct": [
        (lambda image, target, loss, steps, rate: image, "does not move"),
        (lambda image, target, loss, steps, rate: target, "the target itself"),
        (walk_from_the_start, "Only one step"),
        (lambda image, target, loss, steps, rate: walk(image, target, loss, steps - 1, rate), "one step too few"),
        (lambda image, target, loss, steps, rate: walk(image, target, loss, steps + 1, rate), "one step too many"),
        (
            lambda image, target, loss, steps, rate: walk(
                image,
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
            lambda image, target, loss, steps, rate: walk(
                image, target, loss, steps, rate, lambda now: now - rate * gradient(now, target, loss)
            ),
            "range 0..1",
        ),
        (lambda image, target, loss, steps, rate: walk(image, target, loss, steps, -rate), "uphill"),
        (walk_adds_up, "add up"),
        (walk_one_slope, "same gradient"),
        (lambda image, target, loss, steps, rate: walk(image, target, loss, steps, 1.0), "learning rate is not used"),
        (lambda *case: walk_sgd(*case, method=torch.optim.Adam), "Adam"),
        (walk_one_loss, "second time.*inside the loop"),
        (walk_in_place, "changes its input `image` in place"),
        (walk_leaf, "not changed in place"),
        (lambda *case: walk(*case).numpy(), "NumPy where"),
        (lambda image, target, loss, steps, rate: loss(walk(image, target, loss, steps, rate), target), "That is the loss"),
        (lambda image, target, loss, steps, rate: walk(image, target, loss, max(steps, 1), rate), "steps = 0"),
    ],
    "psnr": [
        (lambda image, original: -decibels(mse(image, original)), "sign"),
        (lambda image, original: -10 * mse(image, original).log(), "natural logarithm"),
        (lambda image, original: -10 * mse(image, original).log2(), "base 2"),
        (lambda image, original: -mse(image, original).log10(), "bels"),
        (lambda image, original: 20 * torch.log10(1 / mse(image, original)), "20 goes with the root"),
        (lambda image, original: 20 * torch.log10(255 / mse(image, original).sqrt()), "255"),
        (lambda image, original: decibels(mse(255 * image, 255 * original)), "peak is left at 1"),
        (lambda image, original: decibels((image - original).square().sum()), "sum of the squares"),
        (lambda image, original: decibels((image - original).abs().mean()), "mean absolute error"),
        (lambda image, original: mse(image, original), "error alone"),
        (lambda image, original: decibels((image - original) ** 2).mean(), "every pixel"),
        (lambda image, original: decibels(((image - original) ** 2).mean((2, 3))), "single number"),
        (lambda image, original: decibels(mse(image, original)).item(), "Python number"),
        (lambda image, original: decibels(mse(image, original)).numpy(), "NumPy where"),
        (lambda image, original: torch.log10((image - original).mean()), "not finite|value is"),
        (lambda image, original: decibels(image.sub_(original).square().mean()), "changes its input `image`"),
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
        (lambda image: power(*slices(image), 1), "exponent 1.25 is missing"),
        (lambda image: power(*slices(image), 0.5), "root"),
        (lambda image: power(*slices(image), 2.5), "2.5"),
        (lambda image: power(*slices(image), 1) ** 1.25, "whole sum"),
        (lambda image: sum(part.abs().pow(2.5).sum() for part in slices(image)), "apart"),
        (lambda image: (image.diff(dim=2).abs() ** 2.5).sum() + (image.diff(dim=3).abs() ** 2.5).sum(), "apart"),
        (lambda image: ((slices(image)[0] ** 2 + slices(image)[1] ** 2) ** 1.25).mean(), "mean where the sum"),
        (lambda image: variation_slices(image), "absolute differences"),
        (lambda image: power(image - image.roll(-1, 2), image - image.roll(-1, 3)), "roll"),
        (lambda image: keras_slices(image[:, :, :-1]), "ends of the slices"),
        (lambda image: power(slices(image)[0], image[:, :, :-1, :-1] - image[:, :, -1:, 1:]), "colon"),
        (lambda image: power(*slices(image.transpose(1, 3))), "channels"),
        (lambda image: keras_slices(image).item(), "Python number"),
        (lambda image: keras_slices(image.detach()), "no gradient reaches"),
        (lambda image: keras_slices(image) / len(image), "sum over the batch"),
        (lambda image: power(image.diff(dim=2), image.diff(dim=3)), "RuntimeError"),
        (lambda image: power(slices(image)[0], 0), "above and below"),
    ],
}
UNUSABLE = {}
EMPTY = [gram_empty, lambda activation: ..., lambda activation: None, None, ...]
