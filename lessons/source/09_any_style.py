# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] name="title"
# # 9 · Any style at once: move the statistics
#
# {{badges}}
#
# This is the {{framework}} edition. The same lesson in {{other_framework}}: [09_any_style_{{other_module}}.ipynb](09_any_style_{{other_module}}.ipynb)
#
# **You will**
#
# 1. turn an activation back into an image, in one pass (question 1);
# 2. give an activation the means and deviations of a style (exercise 9.1, one prediction, question 2), or its whole covariance (exercise 9.2, question 3);
# 3. find the shortest of all ways there (exercise 9.3, one prediction, question 4);
# 4. paint with these maps in one pass, and say what they carry over and what not (two predictions);
# 5. compare them with a network that reads any style, and with a run of steps (three predictions, question 5).
#
# **Time** 45 minutes · **Needs** mean, covariance and Wasserstein distance (lesson 6) · **Runs on** a laptop, in two minutes for all cells. Without a GPU, images have 256 pixels; with one, 512. The cells are the same.

# %% name="setup" tags=["torch"]
import os, sys, time

# {{colab}}

import numpy as np
import torch
import stylelab.torch as sl
from stylelab import images, page, plots, recipes
from stylelab.result import Step

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% name="setup" tags=["tensorflow"]
import os, sys, time

# {{colab}}

import numpy as np
import stylelab.tensorflow as sl
import tensorflow as tf
from stylelab import images, page, plots, recipes
from stylelab.result import Step

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% [markdown] name="decoder_text"
# ## 9.1 There and back
#
# Until now we have painted by small steps: look at the image through an encoder, and change its pixels a little. In lesson 6 a style was a *cloud* of points, one for each position of a layer. Why not move that cloud directly, and be done?
#
# Because an activation is not an image. We need the way back. A **decoder** is a network that was trained for exactly this: given the activation of a layer, it returns the image, in one pass. stylelab has one for each of three layers.
#
# Here is a photograph that goes through the encoder as far as conv1_1, conv2_1 or conv3_1, and comes back.

# %% name="decoder"
recipe = recipes.scaled("stylelab", setting.preset)
SIZE, STEPS = recipe.size, max(12, recipe.steps * 2 // 5)
LAYERS = "conv1_1", "conv2_1", "conv3_1"
encoder = sl.load_encoder("mini", LAYERS)
decoders = {layer: sl.load_decoder(layer) for layer in LAYERS}
photograph, painting = (images.open_image(name, size=SIZE) for name in ("china", "brushstrokes"))
photograph = photograph[: len(photograph) // 4 * 4]  # conv3_1 has a quarter of the rows
seen, wanted = (encoder(sl.to_tensor(image)) for image in (photograph, painting))
back = {layer: sl.to_image(decoders[layer](seen[layer])) for layer in LAYERS}
page.show(
    plots.side_by_side({"photograph": photograph, **back}, columns=2),
    f"{images.alt('china')}; the same, decoded from three layers.",
)
for layer, image in back.items():
    print(f"{layer}: a pixel is off by {np.abs(image - photograph).mean():.3f} on average")

# %% [markdown] name="adain_text"
# From conv1_1 it comes back nearly as it was; from conv3_1 blurred. Many images have nearly that activation (lesson 2), and the decoder paints a mean of them.
#
# ## 9.2 Two numbers for each filter
#
# The simplest way to move a cloud: stretch it along each axis, and shift it. With a filter's mean $\mu$ and deviation $\sigma$ in the content, and $\nu$ and $\tau$ in the style,
#
# $$x' = \tau\, \frac{x - \mu}{\sigma} + \nu.$$
#
# This is **adaptive instance normalisation**, AdaIN.
#
# ### Exercise 9.1 · means and deviations
#
# Three lines. Deviations are divided by the number of positions, not one less. Where a filter responds with the same number everywhere, $\sigma$ is 0: raise it to at least $10^{-5}$. Content and style may have different sizes. While an answer is missing or wrong, its check says why, and the lesson continues with stylelab's own function.

# %% name="adain" exercise="adain" tags=["torch"]
def adain(content, style):
    """{{activation}} twice -> {{activation}}: the content, each filter with the style's mean and deviation.

    Useful: mean and std, with keepdim=True; std has an argument correction."""
    raise NotImplementedError


# %% name="adain" exercise="adain" tags=["tensorflow"]
def adain(content, style):
    """{{activation}} twice -> {{activation}}: the content, each filter with the style's mean and deviation.

    Useful: tf.reduce_mean and tf.math.reduce_std, with keepdims=True."""
    raise NotImplementedError


# %% name="check_adain" check="adain"
adain = sl.check("adain", adain)

# %% [markdown] name="moments_text"
# Two filters again, so that we can look. The content's cloud leans to the right, the style's to the left. **Predict**: after AdaIN, which way does the cloud lean? The correlation says it: 1 for a line to the right, $-1$ to the left.

# %% name="guess_lean"
page.predict(
    "lean",
    "Which way does the cloud lean after AdaIN?",
    ["to the left, as the style's", "to the right, as the content's", "to neither side"],
)

# %% name="moments" tags=["torch"]
def as_activation(cloud):
    """Points (M, C) as the encoder would give them: {{activation}}, one image in one row."""
    return torch.from_numpy(np.float32(cloud)).T[None, :, None].to(setting.device)


def moments(activation):
    """Mean (C,) and covariance (C, C) of one image's activation, divided by the number of positions."""
    x = activation[0].flatten(1)
    mean = x.mean(1)
    return mean, (x - mean[:, None]) @ (x - mean[:, None]).T / x.shape[1]


# %% name="moments" tags=["tensorflow"]
def as_activation(cloud):
    """Points (M, C) as the encoder would give them: {{activation}}, one image in one row."""
    return tf.constant(np.float32(cloud))[None, None]


def moments(activation):
    """Mean (C,) and covariance (C, C) of one image's activation, divided by the number of positions."""
    x = tf.reshape(activation, (-1, activation.shape[-1]))
    mean = tf.reduce_mean(x, 0)
    return mean, tf.matmul(x - mean, x - mean, transpose_a=True) / x.shape[0]


# %% name="lean"
# NBVAL_CHECK_OUTPUT
M, rng = 120, np.random.default_rng(SEED)
def lean(middle, degrees, long, wide=0.05):
    """A long cloud around its middle, in this direction."""
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    x = rng.normal(0, (long, wide), (M, 2))
    return as_activation(middle + x @ [along, along[::-1] * (-1, 1)])


content, style = lean((0.8, 0.9), 55, long=0.3), lean((1.3, 1.0), 110, long=0.4)
for name, cloud in {"content": content, "style": style, "AdaIN": adain(content, style)}.items():
    x = sl.to_array(cloud)[0]  # (M, C)
    mean, deviation, correlation = x.mean(0), x.std(0), np.corrcoef(x.T)[0, 1]
    print(f"{name:8}mean {mean.round(2)}, deviation {deviation.round(2)}, correlation {correlation:.2f}")

# %% [markdown] name="whiten_text"
# <details><summary>Compare with your guess</summary>
#
# To the right, as before. AdaIN treats filters one by one; which of them respond together stays the content's.
#
# </details>
#
# ## 9.3 The whole covariance
#
# So take two steps. First **whiten**: with the covariance $S$ of the content,
#
# $$w = S^{-1/2}\,(x - \mu)$$
#
# has mean 0 and covariance 1, the same for every image. Then **colour** it with the style's covariance $T$: $x' = T^{1/2}\, w + \nu$.
#
# ### Exercise 9.2 · whiten
#
# Six lines. `moments` gives mean and covariance. $S^{-1/2}$ has the eigenvectors of $S$; its eigenvalues are one over the root of those of $S$. Some may be 0, where filters do not respond: raise all to at least $10^{-6}$. Go back to the shape you got.

# %% name="whiten" exercise="whiten" tags=["torch"]
def whiten(activation):
    """{{activation}} of one image -> {{activation}}: mean 0, covariance 1, points moved no further than needed.

    Useful: torch.linalg.eigh, clamp, flatten, reshape."""
    raise NotImplementedError


# %% name="whiten" exercise="whiten" tags=["tensorflow"]
def whiten(activation):
    """{{activation}} of one image -> {{activation}}: mean 0, covariance 1, points moved no further than needed.

    Useful: tf.linalg.eigh, tf.maximum, tf.reshape, tf.transpose."""
    raise NotImplementedError


# %% name="check_whiten" check="whiten"
whiten = sl.check("whiten", whiten)

# %% [markdown] name="colour_text"
# Colouring is the same with $T^{1/2}$. White and coloured points are compared below: the coloured ones lean as the style does.

# %% name="colour" tags=["torch"]
def root(matrix):
    """The root of a covariance."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def move(activation, matrix, mean):
    """One image's points, centred, times a matrix (C, C), around another mean (C,)."""
    x = activation[0].flatten(1)
    return (matrix @ (x - x.mean(1, keepdim=True)) + mean[:, None]).reshape(activation.shape)


def whiten_and_colour(content, style):
    mean, covariance = moments(style)
    return move(whiten(content), root(covariance), mean)


# %% name="colour" tags=["tensorflow"]
def root(matrix):
    """The root of a covariance."""
    values, vectors = tf.linalg.eigh(matrix)
    return tf.matmul(vectors * tf.sqrt(tf.maximum(values, 0.0)), vectors, transpose_b=True)


def move(activation, matrix, mean):
    """One image's points, centred, times a matrix (C, C), around another mean (C,)."""
    x = tf.reshape(activation, (-1, activation.shape[-1]))
    return tf.reshape(tf.matmul(x - tf.reduce_mean(x, 0), matrix, transpose_b=True) + mean, activation.shape)


def whiten_and_colour(content, style):
    mean, covariance = moments(style)
    return move(whiten(content), root(covariance), mean)


# %% name="coloured"
# NBVAL_CHECK_OUTPUT
for name, cloud in {"white": whiten(content), "coloured": whiten_and_colour(content, style)}.items():
    x = sl.to_array(cloud)[0]
    correlation = np.corrcoef(x.T)[0, 1].round(2) + 0  # no -0
    print(f"{name:9}variances {x.var(0).round(3)}, correlation {correlation:.2f}")

# %% [markdown] name="transport_text"
# ## 9.4 The shortest way
#
# A white cloud is round. Turn it before you colour it, and it arrives all the same: the matrix $A$ only has to satisfy $A\, S A^{\mathsf T} = T$, and many do. Which one moves the points *least*? The one that turns nothing: $A$ symmetric, with no eigenvalue below 0. This is **optimal transport** between two Gaussians, the plan behind lesson 6's Wasserstein distance.
#
# ### Exercise 9.3 · the transport map
#
# Find $A$ from $A\, S A = T$. Multiply by $S^{1/2}$ on both sides, and you get something squared:
#
# $$\left(S^{1/2} A\, S^{1/2}\right)^2 = S^{1/2}\, T\, S^{1/2}.$$
#
# Three lines; `root` gives the root of a matrix. $S$ has an inverse, and $T$ may have none.

# %% name="transport_map" exercise="transport_map" tags=["torch"]
def transport_map(covariance, target):
    """Covariances S and T, both (C, C) -> the symmetric matrix A (C, C) with A S A = T.

    Useful: torch.linalg.inv, @."""
    raise NotImplementedError


# %% name="transport_map" exercise="transport_map" tags=["tensorflow"]
def transport_map(covariance, target):
    """Covariances S and T, both (C, C) -> the symmetric matrix A (C, C) with A S A = T.

    Useful: tf.linalg.inv, @."""
    raise NotImplementedError


# %% name="check_transport_map" check="transport_map"
transport_map = sl.check("transport_map", transport_map)

# %% [markdown] name="ways_text"
# Now all three, with an arrow for each point. The number in the middle is the mean of all squared ways; the last one is how much work is left, the squared Wasserstein distance from the moved cloud to the style's. **Predict**: which map arrives, and which goes furthest?

# %% name="guess_ways"
page.predict("ways", "Which map goes furthest?", ["AdaIN", "whiten, colour", "transport"])

# %% name="transport" tags=["torch"]
def transport(content, style, least=1e-5):
    """`least` is added to the content's variances, so that every S has an inverse."""
    (_, S), (mean, T) = moments(content), moments(style)
    return move(content, transport_map(S + least * torch.eye(len(S), device=S.device), T), mean)


# %% name="transport" tags=["tensorflow"]
def transport(content, style, least=1e-5):
    """`least` is added to the content's variances, so that every S has an inverse."""
    (_, S), (mean, T) = moments(content), moments(style)
    return move(content, transport_map(S + least * tf.eye(len(S)), T), mean)


# %% name="ways"
# NBVAL_CHECK_OUTPUT
MAPS = {"AdaIN": adain, "whiten, colour": whiten_and_colour, "transport": transport}
start, end = sl.to_array(content)[0], sl.to_array(style)[0]
print(f"from content to style: {float(sl.wasserstein_loss(content, style)):.3f}")
arrived = {}
for name, map_ in MAPS.items():
    there = map_(content, style)
    arrived[name] = sl.to_array(there)[0]
    way = np.mean(np.sum((arrived[name] - start) ** 2, axis=1))
    print(f"{name:15}went {way:.3f}, left {abs(float(sl.wasserstein_loss(there, style))):.3f}")

# %% name="arrows"
page.show(
    plots.clouds({name: x.T for name, x in arrived.items()}, "filter 1", "filter 2", behind=end.T, start=start.T),
    "Three clouds with arrows that lead to them from the content's cloud; behind each the style's cloud.",
)

# %% [markdown] name="paint_text"
# <details><summary>Compare with your guess</summary>
#
# AdaIN leaves something to do. The other two arrive, and transport has gone exactly as far as the Wasserstein distance says: nothing that arrives has gone less. Its arrows hardly cross; those of the other do. Loss and map are two sides of one idea. What lesson 6 reached in many steps of descent, this reaches in one.
#
# </details>
#
# ## 9.5 Move, then decode
#
# Now at conv3_1, where there are 256 filters. **Predict** what the decoded images take from the painting: its colours, light and dark, its brush strokes?

# %% name="guess_paint"
page.predict(
    "paint",
    "What do the decoded images take from the painting?",
    [
        "only its colours",
        "colours, light and dark",
        "colours, light and dark, and brush strokes",
        "only its brush strokes",
    ],
)

# %% name="paint"
moved = {name: map_(seen["conv3_1"], wanted["conv3_1"]) for name, map_ in MAPS.items()}
decoded = {name: sl.to_image(decoders["conv3_1"](activation)) for name, activation in moved.items()}
page.show(
    plots.side_by_side({"painting": painting, **decoded}, columns=2),
    "A painting of brush strokes, and the photograph, moved by three maps and decoded.",
)

# %% [markdown] name="cascade_text"
# <details><summary>Compare with your guess</summary>
#
# Colours and tone, and with the covariance some grain; no strokes. Each point is moved by the same matrix, so whatever was smooth stays smooth: a map cannot lay a stroke where there was none. And the decoder blurs.
#
# </details>
#
# ## 9.6 One layer after another
#
# One layer is not all of a style. `sl.move_statistics` goes from coarse to fine: move conv3_1 and decode; see the result with conv2_1, move, decode; then conv1_1, and at last the colours themselves. **Predict** what the finer layers add.

# %% name="guess_cascade"
page.predict(
    "cascade",
    "What do the finer layers add?",
    ["long brush strokes", "only other colours", "sharper edges and more texture"],
)

# %% name="cascade"
ways = {"AdaIN": "adain", "whiten, colour": "whiten", "transport": "transport"}
cascades = {name: sl.move_statistics(photograph, painting, map=word) for name, word in ways.items()}
page.show(
    plots.side_by_side({"conv3_1 only": decoded["transport"], **cascades}, columns=2),
    "The photograph, moved at one layer, and by three maps at three layers.",
)

# %% [markdown] name="network_text"
# <details><summary>Compare with your guess</summary>
#
# Sharper edges, more texture, and colours that are right. Still no long strokes.
#
# </details>
#
# ## 9.7 A network that reads the numbers
#
# What if a network paints, and the statistics only tell it *how*? Lesson 8's network had gains and biases for each style, learned one style at a time. The network `any` has a **reader** besides: a small network that gets AdaIN's two numbers for every filter in five layers of the encoder, and answers with all gains and biases. The last step is a map again: it gives the colours the style's mean and covariance. `any` was trained with many images as styles, so that it has an answer for those it has never seen. **Predict** how many numbers describe a painting here, and how many a photograph.

# %% name="guess_network"
page.predict(
    "network",
    "Which is described by more numbers, the painting or the photograph?",
    ["the painting", "the photograph", "neither: equally many"],
)

# %% name="network"
painter = sl.load_network("any")
others = {"another": "woodblock", "a photograph": "coffee"}
styles = {"painting": painting} | {name: images.open_image(other, size=SIZE) for name, other in others.items()}
codes = {name: painter.code([image]) for name, image in styles.items()}
read = {name: painter.paint(photograph, code) for name, code in codes.items()}
page.show(
    plots.image_rows({"style": styles, "painted": read}),
    "Three styles, the last a photograph of a cup, and the pagoda painted with each.",
)
print(", ".join(f"{name}: {code.size} numbers" for name, code in codes.items()))

# %% [markdown] name="compare_text"
# <details><summary>Compare with your guess</summary>
#
# Equally many: a style is a list of numbers of one length, whatever image it comes from. So styles can be mixed like numbers, too.
#
# </details>
#
# ## 9.8 All ways, side by side
#
# One photograph, one painting, four ways. The style error is the squared Wasserstein distance to the painting at conv3_1, as a share of the photograph's own. The last way is a run of steps, as in lessons 4 to 7. **Predict** the order by style error, and by seconds.

# %% name="guess_errors"
page.predict(
    "errors",
    "Which way has the smallest style error?",
    ["one map", "three layers", "a run of steps", "the network"],
)

# %% name="compare"
def optimised():
    result = sl.transfer(photograph, painting, size=SIZE, steps=STEPS)
    print(f"the loss is {result.history['total'][-1] / result.history['total'][0]:.1%} of the first")
    return result.image


compared = {
    "one map": lambda: sl.to_image(decoders["conv3_1"](transport(seen["conv3_1"], wanted["conv3_1"]))),
    "three layers": lambda: sl.move_statistics(photograph, painting),
    "network": lambda: painter.paint(photograph, painter.code([painting])),
    f"{STEPS} steps": optimised,
}

# %% name="errors"
def apart(image):
    """The squared Wasserstein distance to the painting, at conv3_1."""
    return float(sl.wasserstein_loss(encoder(sl.to_tensor(image))["conv3_1"], wanted["conv3_1"]))


results = {"photograph": photograph}
for name, way in compared.items():
    began = time.perf_counter()
    results[name] = way()
    took = time.perf_counter() - began
    print(f"{name:14}style error {apart(results[name]) / apart(photograph):.3f}, {took:6.1f} s")
page.show(plots.side_by_side(results), "The photograph, and four ways to paint it.")

# %% [markdown] name="puzzle_text"
# <details><summary>Compare with your guess</summary>
#
# The steps are best and slowest: they look at their own result, again and again. One pass cannot; it must be right the first time. The moved activation has no error at all, but it is not the activation of any image: what the decoder makes of it has one.
#
# </details>
#
# ## 9.9 Guess before you run
#
# Two odd styles: the painting without its colours, and an image of a single blue. **Predict** what three layers and the network each make of the photograph.

# %% name="guess_puzzle"
page.predict(
    "puzzle",
    "What do three layers make of the photograph in the single blue?",
    [
        "the photograph in shades of blue",
        "the photograph in its own colours",
        "plain blue, without the photograph",
    ],
)

# %% name="puzzle"
grey = np.repeat(images.luminance(painting)[..., None], 3, axis=2)
blue = np.zeros_like(painting) + np.float32((0.2, 0.4, 0.7))
odd = {}
for name, image in {"grey": grey, "blue": blue}.items():
    odd[f"{name}, three layers"] = sl.move_statistics(photograph, image)
    odd[f"{name}, network"] = painter.paint(photograph, painter.code([image]))
page.show(plots.side_by_side(odd, columns=2), "The photograph in two odd styles, in two ways.")
for name, image in odd.items():
    print(f"{name}: colourfulness {np.ptp(image, axis=2).mean():.2f}, contrast {image.std((0, 1)).mean():.2f}")

# %% [markdown] name="try_text"
# <details><summary>Compare with your guess</summary>
#
# Grey on grey: a cloud on a line stays on it. And in blue everything is gone, photograph included. One colour is one *point*: an image with its covariance has no contrast left. A style that is nothing but statistics can swallow the content.
#
# </details>
#
# **Try it.** Any style, any way, any strength, at once. Without a kernel you see the photograph.

# %% name="try_it"
def repaint(style, way, strength):
    """The photograph, with the sliders' choices."""
    image = images.open_image(style, size=SIZE)
    if way == "network":
        painted = painter.paint(photograph, painter.code([image]))
    else:
        painted = sl.move_statistics(photograph, image, map=way)
    mixed = photograph + min(strength, 1) * (painted - photograph)
    return [Step(1, 0.0, {}, lambda: mixed)]


known, ways = [*images.style_names(), "coffee", "rocket"], ["network", "transport", "whiten", "adain"]
sliders = {"style": known, "way": ways, "strength": (0.1, 1, 1)}
page.try_it(repaint, photograph, images.alt("china"), sliders)

# %% [markdown] name="quiz_text"
# ## Quiz
#
# Five questions, marked immediately. Without a kernel, unfold an answer to read the feedback on it.

# %% name="quiz"
page.quiz("09")

# %% [markdown] name="recap"
# ## What to remember
#
# 1. A decoder turns an activation into an image in one pass; the deeper the layer, the more is lost.
# 2. AdaIN moves each filter's mean and deviation; whitening and colouring moves the whole covariance.
# 3. Of all linear maps that arrive, the symmetric one moves points least, and its cost is the squared Wasserstein distance between Gaussians.
# 4. A map of points carries colour and tone, and over several layers texture; it lays no strokes.
# 5. A network can read the same numbers, and has learned what to do with them. It takes one pass; many steps come closer to the style.
#
# ## Going further
#
# - Mix two codes of `painter.code`, half and half. Is it a third style?
# - Give the network the painting upside down. Which numbers change?
# - Move conv2_1 alone, and decode. What does conv3_1 add?
# - Turn the white cloud by 90 degrees before you colour it. It arrives: what becomes of the image?
# - [Lesson 6](06_clouds_of_points_{{module}}.ipynb) has the distances whose shortest ways are walked here.
#
# ## References
#
# 1. X. Huang, S. Belongie, *Arbitrary style transfer in real-time with adaptive instance normalization*, ICCV 2017. [arXiv:1703.06868](https://arxiv.org/abs/1703.06868): our 9.2.
# 2. Y. Li and others, *Universal style transfer via feature transforms*, NeurIPS 2017. [arXiv:1705.08086](https://arxiv.org/abs/1705.08086): our 9.3 and 9.6.
# 3. M. Lu and others, *A closed-form solution to universal style transfer*, ICCV 2019. [arXiv:1906.00668](https://arxiv.org/abs/1906.00668): our 9.4.
# 4. G. Peyré, M. Cuturi, *Computational optimal transport*, 2019. [arXiv:1803.00567](https://arxiv.org/abs/1803.00567): maps between Gaussians.
# 5. G. Ghiasi and others, *Exploring the structure of a real-time, arbitrary neural artistic stylization network*, BMVC 2017. [arXiv:1705.06830](https://arxiv.org/abs/1705.06830): a network with a reader, our 9.7.
