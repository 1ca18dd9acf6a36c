"""Lesson 04: the parts of a loss and their balance, one step on the image, and how rough an image is."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Property
from stylelab.exercises.common import (
    CHANNEL,
    COLUMN,
    ROW,
    edge_image,
    gradient,
    image_shape,
    loss_value,
    lowers_the_loss,
    missed_sums,
    neighbours,
    number,
    one_step,
    positions,
    random_image,
    random_loss,
    stays_in_range,
    swapped_gradient,
    target_gradient,
    vanishes,
)


def total_cost(content, style, alpha, beta):
    """The weighted sum of two losses, scalars of any kind. Source: Gatys et al. 2016, equation 7."""
    return alpha * content + beta * style


def _cost_cases(rng):
    content, style = (float(np.float32(rng.uniform(1, 3))) for _ in range(2))
    alpha, beta = (float(np.float32(rng.uniform(0.3, 0.9))) for _ in range(2))
    plain = {"content": np.float32(content), "style": np.float32(style), "alpha": alpha, "beta": beta + 1}
    return {
        "plain": plain,
        "no content": plain | {"alpha": 0.0},
        "doubled": plain | {"alpha": 2 * alpha, "beta": 2 * (beta + 1)},
    }


TOTAL_COST = Exercise(
    id="total_cost",
    title="Compute J = alpha J_content + beta J_style.",
    arguments={"content": "scalar", "style": "scalar", "alpha": "number", "beta": "number"},
    result="scalar",
    cases=_cost_cases,
    reference=total_cost,
    differentiable=("content", "style"),
    advice={"does not require grad": "Nothing has to be differentiated here: return the sum."},
    hints=(
        "alpha and beta are prices for one unit of each loss. What is paid for the content and what is paid for the style "
            "make up the total.",
        "All four arguments are single numbers, and so is the result. Content 2 at the price 10 and style 3 at the price "
            "40 make 20 + 120 = 140.",
    ),
    mistakes={
        "`alpha` and `beta` are swapped: `alpha` goes with the content, `beta` with the style.":
            lambda content, style, alpha, beta: beta * content + alpha * style,
        "The numbers 10 and 40 are written into the function: use the arguments `alpha` and `beta`.":
            lambda content, style, alpha, beta: 10 * content + 40 * style,
        "The numbers 40 and 10 are written into the function, and swapped: use the arguments `alpha` and `beta`.":
            lambda content, style, alpha, beta: 40 * content + 10 * style,
        "The losses are added without their weights.": lambda content, style, alpha, beta: content + style,
        "`alpha` is forgotten: it weights the content.": lambda content, style, alpha, beta: content + beta * style,
        "`beta` is forgotten: it weights the style.": lambda content, style, alpha, beta: alpha * content + style,
        "The number 10 is written into the function: use the argument `alpha`.": lambda content, style, alpha, beta: 10 * content + beta * style,
        "The number 40 is written into the function: use the argument `beta`.": lambda content, style, alpha, beta: alpha * content + 40 * style,
        "The sum is divided by `alpha`: it has the same lowest point, but leave it as it is.":
            lambda content, style, alpha, beta: content + beta * style / alpha,
        "The weights are added up by themselves: multiply each loss by its own.":
            lambda content, style, alpha, beta: (alpha + beta) * (content + style),
        "`alpha` and `beta` are used as exponents: they should be factors.": [
            lambda content, style, alpha, beta: content**alpha * style**beta,
            lambda content, style, alpha, beta: content**alpha + style**beta,
        ],
        "The losses are squared, but they are squares already: use them as they are.": [
            lambda content, style, alpha, beta: alpha * content**2 + beta * style**2,
            lambda content, style, alpha, beta: np.hypot(alpha * content, beta * style),
        ],
        "The losses are divided by `alpha` and `beta`: multiply.": lambda content, style, alpha, beta: content / alpha + style / beta,
        "The style is weighted by 1 - alpha instead of `beta`.": lambda content, style, alpha, beta: alpha * content + (1 - alpha) * style,
        "`alpha` and `beta` are added to the losses: they should be factors.": [
            lambda content, style, alpha, beta: alpha + content + beta + style,
            lambda content, style, alpha, beta: (alpha + content) * (beta + style),
        ],
        "The two parts are multiplied: add them.": lambda content, style, alpha, beta: alpha * content * beta * style,
        "The sum is divided by alpha + beta: leave it as it is.":
            lambda content, style, alpha, beta: (alpha * content + beta * style) / (alpha + beta),
        "That is the mean of the two parts: take their sum.": lambda content, style, alpha, beta: (alpha * content + beta * style) / 2,
        "The style is subtracted, but both parts should become small: add them.": [
            lambda content, style, alpha, beta: alpha * content - beta * style,
            lambda content, style, alpha, beta: np.abs(alpha * content - beta * style),
        ],
        "`beta` weights both parts: `alpha` goes with the content.": lambda content, style, alpha, beta: beta * (content + style),
        "`alpha` weights both parts: `beta` goes with the style.": lambda content, style, alpha, beta: alpha * (content + style),
        "The style is missing from the sum.": lambda content, style, alpha, beta: alpha * content,
        "The content is missing from the sum.": lambda content, style, alpha, beta: beta * style,
    },
    properties=(
        Property("alpha 0 drops the content", "With alpha = 0, only beta J_style should be left.", lambda cases, outputs: np.isclose(
            outputs["no content"], float(cases["no content"]["style"]) * cases["no content"]["beta"], rtol=1e-4)),
        Property("linear in the weights", "Twice `alpha` and `beta` should give twice the total.",
                 lambda cases, outputs: np.isclose(outputs["doubled"], 2 * outputs["plain"], rtol=1e-4)),
    ),
)  # fmt: skip


def _step_cases(rng):
    shape = image_shape(rng)
    image, target = random_image(rng, shape), np.clip(random_image(rng, shape, -0.3, 1.3), 0, 1)
    plain = {  # the steps end far outside 0..1
        "image": image, "target": target, "loss": random_loss(rng), "learning_rate": number(rng, 0.36, 0.45),
    }  # fmt: skip
    slow = plain | {"learning_rate": number(rng, 2e-5, 4e-5)}
    return {
        "plain": plain,
        "plain: one black image": plain | {"image": 0 * image[:1], "target": target[:1]},
        "small": slow,
        "arrived": slow | {"image": target.copy()},
        "nearly": plain | {"image": target + (image - target) / 1000},
    }


def _unclipped_step(image, target, loss, learning_rate):
    return image - learning_rate * gradient(image, target, loss)


def _mean_size(slope):
    return np.abs(slope).mean()


def _effective_size(slope):
    return np.sqrt(np.mean(slope**2))


def _size_by_image(slope):
    return np.sqrt(np.sum(slope**2, (1, 2, 3), keepdims=True))


def _step_along(slope):
    """The mistake of stepping along something else than the gradient."""
    return lambda learning_rate, **case: np.clip(case["image"] - learning_rate * slope(**case), 0, 1)


ONE_STEP = Exercise(
    id="one_step",
    title="Make one step of gradient descent on the image, which stays in 0..1; the target stays where it is.",
    arguments={"image": "image", "target": "image", "loss": "loss", "learning_rate": "number"},
    result="image",
    cases=_step_cases,
    reference=one_step,
    fed_back="image",
    hints=(
        "The gradient points uphill, so the image goes the other way, as far as the learning rate allows. What then lies "
            "outside 0..1 is clipped.",
        "The loss of a copy is a scalar, its gradient [image] like the image. A pixel of 0.5 with the gradient 2 and the "
            "learning rate 0.1 becomes 0.3.",
    ),
    mistakes={
        "The image leaves its range 0..1: clip it after the step.": _unclipped_step,
        "The image goes uphill: which way does its gradient point?": [
            lambda learning_rate, **case: one_step(**case, learning_rate=-learning_rate),
            lambda learning_rate, **case: _unclipped_step(**case, learning_rate=-learning_rate),
        ],
        "Image and target are swapped: the loss is called as `loss(target, image)`.": _step_along(swapped_gradient),
        "The gradient is taken with respect to the target: take it with respect to the image.": _step_along(target_gradient),
        "The image does not move: return the moved one.": lambda image, **_: image,
        "The learning rate is not used.": lambda learning_rate, **case: one_step(**case, learning_rate=1),
        "The learning rate is not used, and the image leaves its range 0..1.":
            lambda learning_rate, **case: _unclipped_step(**case, learning_rate=1),
        "That is the gradient: use it to move the image.": lambda learning_rate, **case: gradient(**case),
        "The target moves instead of the image: take the gradient with respect to the image.": [
            lambda target, learning_rate, **case: np.clip(target + learning_rate * gradient(target=target, **case), 0, 1),
            lambda target, learning_rate, **case: target + learning_rate * gradient(target=target, **case),
        ],
        "That is the target itself: move the image towards it by a single step.": lambda target, **_: target,
        "That follows the gradient of a loss of your own: differentiate the one that you are given.": [
            _step_along(lambda image, target, loss: image - target),
            _step_along(lambda image, target, loss: 2 * (image - target)),
            _step_along(lambda image, target, loss: (image - target) / image.size),
            _step_along(lambda image, target, loss: 2 / image.size * (image - target)),
        ],
        "The loss itself is subtracted: subtract its gradient.": _step_along(loss_value),
        "The gradient is divided by its own size, so every step is equally long: subtract it as it is, times the learning rate.": [
            _step_along(lambda size=size, **case: (slope := gradient(**case)) / size(slope))
            for size in (np.linalg.norm, np.max, np.std, _mean_size, _effective_size, _size_by_image, lambda slope: np.abs(slope).max(),
                         lambda slope: np.abs(slope).sum())
        ],
        "The gradient is clipped: clip the image that comes out, not the gradient.": [
            *(_step_along(lambda low=low, most=most, **case: np.clip(gradient(**case), low, most))
              for low, most in ((-1, 1), (0, 1), (-0.5, 0.5), (-0.2, 0.2), (-0.1, 0.1), (-0.01, 0.01))),
            *(_step_along(lambda most=most, **case: (slope := gradient(**case)) * min(1, most / np.linalg.norm(slope))) for most in (1, 10)),
            lambda learning_rate, **case: case["image"] - np.clip(learning_rate * gradient(**case), 0, 1),
            lambda learning_rate, **case: np.clip(case["image"] - np.clip(learning_rate * gradient(**case), 0, 1), 0, 1),
        ],
        "The gradient is divided by the learning rate: multiply.":
            lambda learning_rate, **case: one_step(**case, learning_rate=1 / learning_rate),
        "The learning rate is squared: use it once.": lambda learning_rate, **case: one_step(**case, learning_rate=learning_rate**2),
        "That is half a step: subtract the learning rate times the gradient.":
            lambda learning_rate, **case: one_step(**case, learning_rate=learning_rate / 2),
        "The step is twice as long as it should be: subtract the learning rate times the gradient.":
            lambda learning_rate, **case: one_step(**case, learning_rate=2 * learning_rate),
        "Those are two steps: make a single one.": lambda image, **case: one_step(one_step(image, **case), **case),
        "A part of the gradient is left out, as momentum or a decay does: subtract all of it, times the learning rate.": [
            lambda learning_rate, share=share, **case: one_step(**case, learning_rate=share * learning_rate)
            for share in (0.1, 0.9, 0.95, 0.96, 0.99, 0.999)
        ],
        "The gradient is divided by the number of pixels: subtract it as it is, times the learning rate.": [
            _step_along(lambda **case: gradient(**case) / case["image"].size),
            _step_along(lambda **case: gradient(**case) / positions(case["image"])),
        ],
        "The gradient is averaged over the pixels: each pixel has its own.": [
            _step_along(lambda **case: gradient(**case).mean()),
            _step_along(lambda **case: gradient(**case).mean((1, 2), keepdims=True)),
        ],
        "Only the first image of the batch moves: move all of them.":
            lambda image, **case: np.concatenate([one_step(image, **case)[:1], image[1:]]),
        "One end of the range is not kept: clip at 0 and at 1.": [
            lambda **case: np.minimum(_unclipped_step(**case), 1),
            lambda **case: np.maximum(_unclipped_step(**case), 0),
        ],
        "The image is squeezed into its range, which changes every pixel: clip it.": [
            lambda **case: 1 / (1 + np.exp(-_unclipped_step(**case))),
            lambda **case: _unclipped_step(**case) % 1,
            lambda **case: ((moved := _unclipped_step(**case)) - moved.min()) / np.ptp(moved),
        ],
        "Only the sign of the gradient is used: subtract the gradient itself.": _step_along(lambda **case: np.sign(gradient(**case))),
        "That is the loss: return the moved image.":
            lambda learning_rate, **case: loss_value(**case),
    },
    properties=(
        Property("lowers the loss", "The loss should be lower after a small step.",
                 lambda cases, outputs: lowers_the_loss(cases["small"], outputs["small"], one_step(**cases["small"]))),
        Property("stays in 0..1", "The image leaves its range 0..1: clip it after the step.",
                 lambda cases, outputs: stays_in_range(outputs["plain"])),
        Property("rests at the target", "Where the gradient is 0, the image should stay as it is.",
                 lambda cases, outputs: all(np.allclose(outputs[name], cases[name]["image"], atol=atol)
                                            for name, atol in (("arrived", 1e-5), ("nearly", 0.05)))),
    ),
)  # fmt: skip


def balance(content, style, share):
    """The factor for the style loss that makes it `share` (0..1) of the total, when the content's factor is 1."""
    return share * content / ((1 - share) * style)


def _balance_cases(rng):
    content, share = float(rng.uniform(2, 9)), float(rng.uniform(0.6, 0.9))
    beta = 1 + 2 * int(rng.integers(1, 6)) + float(rng.uniform(0.3, 0.45))  # far from a whole number, and so is its half
    style = share * content / ((1 - share) * beta)
    return {
        "plain": {"content": content, "style": style, "share": share},
        "plain: a small share": {"content": content / 10, "style": style, "share": float(rng.uniform(0.0005, 0.002))},
        "half": {"content": content, "style": content / (float(rng.integers(2, 9)) + 0.4), "share": 0.5},
        "twice the style": {"content": content, "style": 2 * style, "share": share},
    }


BALANCE = Exercise(
    id="balance",
    title="Find the beta with which the style is a given share of the total, for alpha = 1.",
    arguments={"content": "number", "style": "number", "share": "number"},
    result="number",
    cases=_balance_cases,
    reference=balance,
    by_name=("content", "style", "share"),
    hints=(
        "beta stands on both sides of the equation, once inside the total. Bring both to one side, and divide by what "
            "stands next to beta.",
        "All are single numbers. The content keeps a share of 1 - share. For content 3 and style 1, a share of 0.5 needs a "
            "beta of 3, and 0.9 one of 27.",
    ),
    mistakes={
        "That makes the style `share` times the content, not `share` of the total: what is left for the content?":
            lambda content, style, share: share * content / style,
        "That ratio is upside down: a smaller style loss needs a larger beta.":
            lambda content, style, share: share * style / ((1 - share) * content),
        "`share` and 1 - share are swapped: that gives the content this share.":
            lambda content, style, share: (1 - share) * content / (share * style),
        "That is the inverse of beta: start from beta J_style = share (J_content + beta J_style).":
            lambda content, style, share: (1 - share) * style / (share * content),
        "The losses are left out: beta has to make up for their different sizes.": lambda content, style, share: share / (1 - share),
        "The sign is wrong: what is left for the content is 1 - share.": lambda content, style, share: share * content / ((share - 1) * style),
        "There is 1 + share in it: what is left for the content is 1 - share.":
            lambda content, style, share: share * content / ((1 + share) * style),
        "`share` is divided by 100, but it is between 0 and 1 already.": lambda content, style, share: balance(content, style, share / 100),
        "A number of the lesson is written into the function: use the argument `share`.": [
            lambda content, style, share, number=number: balance(content, style, number) for number in (0.9, 0.05, 0.001)
        ],
        "That is share times the unweighted total: start from beta J_style = share (J_content + beta J_style).":
            lambda content, style, share: share * (content + style),
        "That is the share itself: beta is the factor that gives the style this share.": lambda content, style, share: share,
        "That is only right for one half: `share` has to enter.": lambda content, style, share: content / style,
        "That is the size of the style's part, beta J_style: what is beta alone?":
            lambda content, style, share: share * content / (1 - share),
        "The result is rounded, but beta does not have to be a whole number.": [
            lambda content, style, share: np.round(balance(content, style, share)),
            lambda content, style, share: np.floor(balance(content, style, share)),
        ],
        "The style loss is a factor, but a smaller style loss needs a larger beta.":
            lambda content, style, share: share * content / (1 - share) * style,
        "`share` is in the denominator: start from beta J_style = share (J_content + beta J_style).":
            lambda content, style, share: content / (share * style),
        "`share` is missing in the numerator: start from beta J_style = share (J_content + beta J_style).":
            lambda content, style, share: content / ((1 - share) * style),
        "That is a share of the unweighted sum: the total contains beta J_style, not J_style.":
            lambda content, style, share: share * (content + style) / style,
    },
    properties=(
        Property("the share is reached", "With this beta, the style is not `share` of the total.", lambda cases, outputs: np.isclose(
            (part := outputs["plain"] * cases["plain"]["style"]) / (cases["plain"]["content"] + part), cases["plain"]["share"], rtol=1e-3)),
        Property("half is half", "For share = 0.5, both parts should be equal: beta J_style = J_content.",
                 lambda cases, outputs: np.isclose(outputs["half"] * cases["half"]["style"], cases["half"]["content"], rtol=1e-3)),
        Property("twice the loss, half the beta", "A style loss twice as large needs half the beta.",
                 lambda cases, outputs: np.isclose(2 * outputs["twice the style"], outputs["plain"], rtol=1e-3)),
    ),
)  # fmt: skip


def _summed(image, *axes, how=np.abs):
    """The differences along these axes, summed up."""
    return sum(np.sum(how(np.diff(image, axis=axis))) for axis in axes)


def _variation(image):
    return _summed(image, COLUMN, ROW)


def _variation_cases(rng):
    image = random_image(rng, image_shape(rng))
    flat = np.full(image.shape, number(rng, 0.2, 0.8), np.float32)
    return {
        "plain": {"image": image},
        "plain: one image": {"image": image[:1]},
        "flat": {"image": flat},
        "nearly flat": {"image": flat + image / 100},
        "half": {"image": image / 2},
        "brighter": {"image": image + np.float32(number(rng, 0.15, 0.35))},
        "edge": {"image": edge_image(rng)},
    }


TOTAL_VARIATION = Exercise(
    id="total_variation",
    title="Sum the absolute differences between neighbouring pixels, down and right.",
    arguments={"image": "image"},
    result="scalar",
    cases=_variation_cases,
    reference=_variation,
    differentiable=("image",),
    advice={
        r"must match|[Ii]ncompatible shapes|must be equal|broadcast": "Two sizes do not fit. Moved by one pixel, both slices need the same length; "
            "and down and right have different sizes, so add up each of them by itself.",
        r"expected 3\)|too many indices|Dimension out of range": "An image has four axes: the batch, and then height, width and colours in your framework's order.",
    },
    hints=(
        "Lay the image over itself, moved by one pixel: once down, once to the right. What does not agree is the "
            "variation, and steps up and steps down both count.",
        "Of [image], the differences down have one row fewer, H - 1, and those to the right one column fewer, W - 1. Sum "
            "up the sizes of each to a scalar, then add.",
    ),
    mistakes={
        "The differences are squared: take their absolute values.": lambda image: _summed(image, COLUMN, ROW, how=np.square),
        "The squares of the differences are averaged: take absolute values, and their sum.":
            lambda image: sum(np.mean(np.diff(image, axis=axis) ** 2) for axis in (COLUMN, ROW)),
        "That is the mean: take the sum.": [
            lambda image: sum(np.mean(np.abs(np.diff(image, axis=axis))) for axis in (COLUMN, ROW)),
            lambda image: _variation(image) / image.size,
            lambda image: _variation(image) / (image.shape[1] * image.shape[2]),
            lambda image: _variation(image) / (len(image) * image.shape[1] * image.shape[2]),
        ],
        "That is the mean over the colours: take the sum.": lambda image: _variation(image) / 3,
        "Differences are taken between the images of the batch: where do height and width begin?": [
            lambda image, axis=axis: _summed(image, 0, axis) for axis in (COLUMN, ROW, CHANNEL)
        ],
        "Each image is compared with its mirror image: compare it with itself, moved by one pixel.": lambda image: sum(
            np.sum(np.abs(image - np.flip(image, axis))) for axis in (COLUMN, ROW)),
        "A root is taken of a whole sum of squares: take the absolute value of each difference.": [
            lambda image: np.sqrt(_summed(image, COLUMN, ROW, how=np.square)),
            lambda image: sum(np.sqrt(_summed(image, axis, how=np.square)) for axis in (COLUMN, ROW)),
        ],
        "Down and right are added before the absolute value: take it of each by itself.": [
            lambda image: np.sum(np.abs(sum(neighbours(image)))),
            lambda image: np.sum(np.abs(np.subtract(*neighbours(image)))),
        ],
        "The last row or column is left out: check where the slices end.": [
            lambda image: _summed(image[:, :-1], COLUMN) + _summed(image[:, :, :-1], ROW),
            lambda image: _variation(image[:, :-1, :-1]),
            lambda image: _variation(image[:, :-1]),
            lambda image: _variation(image[:, :, :-1]),
        ],
        "Diagonal neighbours are counted too: compare only down and right.":
            lambda image: _variation(image) + np.sum(np.abs(image[:, 1:, 1:] - image[:, :-1, :-1])),
        "Squares and the exponent 1.25 belong to another formula: here, add absolute values.":
            lambda image: np.sum(sum(part**2 for part in neighbours(image)) ** 1.25),
        "Only neighbours above and below are compared: compare left and right as well.": lambda image: _summed(image, COLUMN),
        "Only neighbours left and right are compared: compare above and below as well.": lambda image: _summed(image, ROW),
        "Opposite borders are compared, as roll does, but the last column has no neighbour to its right.":
            lambda image: sum(np.sum(np.abs(image - np.roll(image, 1, axis))) for axis in (COLUMN, ROW)),
        "Steps up and steps down cancel: take the absolute value of each difference, before the sum.": [
            lambda image: _summed(image, COLUMN, ROW, how=np.positive),
            lambda image: -_summed(image, COLUMN, ROW, how=np.positive),
            lambda image: sum(abs(_summed(image, axis, how=np.positive)) for axis in (COLUMN, ROW)),
        ],
        "Differences are taken between colours instead of neighbours: where does your framework keep the channels?": [
            lambda image: _summed(image, COLUMN, CHANNEL),
            lambda image: _summed(image, ROW, CHANNEL),
            lambda image: _summed(image, COLUMN, ROW, CHANNEL),
        ],
        "That is the length of each gradient, the root of the sum of squares: add absolute values instead.":
            lambda image: np.sum(np.hypot(*neighbours(image))),
        "The last row and column are dropped from both differences: each one keeps its full size.":
            lambda image: sum(np.sum(np.abs(part)) for part in neighbours(image)),
        "Each pixel is compared with its diagonal neighbour: compare down and right separately.":
            lambda image: np.sum(np.abs(image[:, 1:, 1:] - image[:, :-1, :-1])),
        "Every second pixel is skipped: compare each pixel with the next one.":
            lambda image: np.sum(np.abs(image[:, 2:] - image[:, :-2])) + np.sum(np.abs(image[:, :, 2:] - image[:, :, :-2])),
        "Those are differences of differences: take differences once.":
            lambda image: sum(np.sum(np.abs(np.diff(image, n=2, axis=axis))) for axis in (COLUMN, ROW)),
        "Both sums run down: one of them should run to the right.": lambda image: 2 * _summed(image, COLUMN),
        "Both sums run to the right: one of them should run down.": lambda image: 2 * _summed(image, ROW),
        "Only steps upwards count, as after a ReLU: take absolute values.":
            lambda image: _summed(image, COLUMN, ROW, how=lambda change: np.maximum(change, 0)),
        "The colours are averaged first, but each colour has its own differences.":
            lambda image: _variation(image.mean(CHANNEL, keepdims=True)),
        "That is half of it: each pair of neighbours counts once, with factor 1.": lambda image: _variation(image) / 2,
        "Each pair of neighbours is counted twice.": lambda image: 2 * _variation(image),
        **missed_sums(_variation),
    },
    properties=(
        Property("zero for one colour", "An image of one flat colour should have no variation: is a small number added?",
                 lambda cases, outputs: vanishes(outputs, "flat", "nearly flat", 1e-4)),
        Property("proportional", "Half the contrast should give half the total variation.",
                 lambda cases, outputs: np.isclose(2 * outputs["half"], outputs["plain"], rtol=1e-3)),
        Property("ignores brightness", "A brighter image has the same differences, so the same total variation.",
                 lambda cases, outputs: np.isclose(outputs["brighter"], outputs["plain"], rtol=1e-3)),
        Property("counts edges", "One vertical edge in 3 colours should give 3 times its height in pixels times the step.",
                 lambda cases, outputs: np.isclose(outputs["edge"], _variation(cases["edge"]["image"]), rtol=1e-4)),
    ),
)  # fmt: skip
