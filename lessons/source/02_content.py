# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] name="title"
# # 2 · To a deep layer, many different images are one and the same
#
# {{badges}}
#
# This is the {{framework}} edition. The same lesson in {{other_framework}}: [02_content_{{other_module}}.ipynb](02_content_{{other_module}}.ipynb)
#
# **You will**
#
# 1. measure how far two activations are apart (exercise 2.1);
# 2. measure how far two images are apart, in decibels and by their structure (exercise 2.2);
# 3. write the loop that turns noise back into an image (exercise 2.3);
# 4. say, with numbers, what a layer keeps and what it has lost (five predictions, question 1 of the quiz);
# 5. compare two optimisers fairly (one prediction, question 5).
#
# **Time** 45 minutes · **Needs** convolutions, activations and gradient descent · **Runs on** a laptop, in two to five minutes for all cells. Without a GPU, the image has 128 pixels and runs have 100 steps; with one, 256 pixels and 500 steps. The cells are the same.

# %% name="setup" tags=["torch"]
import os, sys, time

# {{colab}}

import numpy as np
import torch
import stylelab.torch as sl
from skimage.metrics import structural_similarity
from stylelab import images, page, plots
from stylelab.recipes import scaled

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% name="setup" tags=["tensorflow"]
import os, sys, time

# {{colab}}

import numpy as np
import stylelab.tensorflow as sl
import tensorflow as tf
from skimage.metrics import structural_similarity
from stylelab import images, page, plots
from stylelab.recipes import scaled

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% [markdown] name="question_text"
# ## 2.1 What does a layer still know?
#
# An **encoder** turns an image into activations, layer by layer. That is the way forward. This lesson goes *back*: we are given nothing but the activation $P$ of a photograph at one layer, and look for $x^*$, the image $x$ whose own activation $F(x)$ is the most like it:
#
# $$x^* = \arg\min_x J(x), \qquad J(x) = \frac{\sum (F(x) - P)^2}{\sum P^2}.$$
#
# The sums go over all positions and filters. The search starts from noise, so it knows nothing of the photograph. Whatever comes back, the layer knew. Whatever does not come back although $J$ is almost 0, the layer has lost. The paper shows five such images, for conv1_1 to conv5_1. We make them, and measure.

# %% name="pictures"
LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
recipe = scaled("gatys", setting.preset)
SIZE, STEPS = recipe.size // 2, recipe.steps

photograph = images.open_image("astronaut", size=SIZE)
noise = np.random.default_rng(SEED).uniform(size=photograph.shape)
page.show(
    plots.side_by_side({"where we want to get": photograph, "where we start": noise}),
    alt=f"Left: {images.alt('astronaut')}. Right: coloured noise.",
)

# %% [markdown] name="content_text"
# ### Exercise 2.1 · how far apart are two activations?
#
# $J$ above is a ratio of two means. Write the mean: squared differences, position by position and filter by filter, over all entries. One line. While your answer is missing or wrong, the next cell says why and the lesson continues with stylelab's own function, so you are never stuck.

# %% name="content_loss" exercise="content_loss"
def content_loss(activation, target):
    """{{activation}} twice -> scalar tensor: the mean squared difference."""
    raise NotImplementedError


# %% name="check_content_loss" check="content_loss"
content_loss = sl.check("content_loss", content_loss)

# %% [markdown] name="by_hand_text"
# By hand: two positions, three filters. **Predict** $J$ for the activation itself, for 0 everywhere, for the activation doubled, and for its two positions swapped.

# %% name="guess_by_hand"
page.predict(
    "by_hand",
    "Of these three, which has the largest J?",
    ["0 everywhere", "the two positions swapped", "the activation doubled"],
)

# %% name="by_hand"
# NBVAL_CHECK_OUTPUT
def unlike(seen, wanted):
    """J: the mean squared difference as a share of the target's mean square."""
    return content_loss(seen, wanted) / content_loss(0 * wanted, wanted)


wanted = np.float32([[[1, 0, 2], [1, 2, 0]]])  # one row of two positions, three filters
for name, seen in {"same": wanted, "zero": 0 * wanted, "double": 2 * wanted, "swapped": wanted[:, ::-1]}.items():
    print(f"{name}: J = {float(unlike(sl.to_tensor(seen), sl.to_tensor(wanted))):.3f}")

# %% [markdown] name="rulers_text"
# <details><summary>Compare with your guess</summary>
#
# 0, 1, 1 and 1.6. No response at all is as wrong as everything doubled. Swapped positions are worse still, so $J$ does care *where*.
#
# </details>
#
# ## 2.2 Two rulers for images
#
# $J$ judges activations. For the images themselves we use two other rulers. **PSNR** counts errors of pixels, in decibels (dB). For images $x$ and $y$ of $N$ numbers in 0..1:
#
# $$PSNR = 10 \log_{10} \frac{1}{\frac{1}{N}\sum (x - y)^2}.$$
#
# **Structural similarity** slides a 7 x 7 window over both images and compares their means $\mu_x$ and $\mu_y$, their variances $\sigma_x^2$ and $\sigma_y^2$ and their covariance $\sigma_{xy}$:
#
# $$SSIM = \frac{(2 \mu_x \mu_y + c_1)(2 \sigma_{xy} + c_2)}{(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)},$$
#
# averaged over all windows. The small constants $c_1 = 0.01^2$ and $c_2 = 0.03^2$ keep it from dividing by 0 where both images are black or flat. 1 means equal, 0 nothing in common.
#
# ### Exercise 2.2 · PSNR
#
# One or two lines, for images in 0..1.

# %% name="psnr" exercise="psnr" tags=["torch"]
def psnr(image, original):
    """{{image}} twice, in 0..1 -> scalar tensor, in dB.

    Useful: square, mean, log10."""
    raise NotImplementedError


# %% name="psnr" exercise="psnr" tags=["tensorflow"]
def psnr(image, original):
    """{{image}} twice, in 0..1 -> scalar tensor, in dB.

    Useful: tf.reduce_mean, and tf.math.log, which is the natural logarithm."""
    raise NotImplementedError


# %% name="check_psnr" check="psnr"
psnr = sl.check("psnr", psnr)

# %% [markdown] name="two_errors_text"
# Two copies of the photograph, each wrong by 0.1 at every pixel: one is brighter throughout, in the other a coin toss decides between brighter and darker. **Predict**: which has the higher PSNR, which the higher SSIM?

# %% name="guess_two_errors"
page.predict(
    "two_errors",
    "Which copy has the higher PSNR, which the higher SSIM?",
    [
        "the brighter one has both higher",
        "PSNR is equal, and the brighter one has the higher SSIM",
        "PSNR is equal, and the speckled one has the higher SSIM",
        "both are equal",
    ],
)

# %% name="two_errors"
# NBVAL_CHECK_OUTPUT
def measures(image, original):
    """PSNR in dB and structural similarity of two arrays (H, W, 3) in 0..1."""
    similarity = structural_similarity(image, original, channel_axis=2, data_range=1.0)
    return float(psnr(sl.to_tensor(image), sl.to_tensor(original))), float(similarity)


small = images.open_image("astronaut", size=96)
coins = np.random.default_rng(SEED).choice(np.float32([-0.1, 0.1]), small.shape)
for name, error in {"brighter": np.float32(0.1), "speckled": coins}.items():
    decibels, similarity = measures(small + error, small)
    print(f"{name}: PSNR {decibels:.1f} dB, structural similarity {similarity:.2f}")

# %% [markdown] name="loop_text"
# <details><summary>Compare with your guess</summary>
#
# To PSNR both are the same, 20 dB: it only sums errors. SSIM forgives the change of light and objects to the speckle, as the eye does. So we use both.
#
# </details>
#
# ## 2.3 From noise to image, one step at a time
#
# Now the search. The encoder stays as it is, and the pixels move downhill, by the gradient times a **learning rate** $\eta$:
#
# $$x \leftarrow \mathrm{clip}_{0..1}\left(x - \eta\, \frac{\partial J}{\partial x}\right), \quad \text{repeatedly.}$$
#
# ### Exercise 2.3 · a reconstruction loop
#
# Four to seven lines. `loss(image, target)` gives a scalar. Clip after every step, and leave the input image unchanged.

# %% name="reconstruct" exercise="reconstruct" tags=["torch"]
def reconstruct(image, target, loss, steps, learning_rate):
    """The image after `steps` steps of gradient descent, clipped to 0..1 after each.

    Useful: detach, clone, requires_grad_, torch.autograd.grad, clamp."""
    raise NotImplementedError


# %% name="reconstruct" exercise="reconstruct" tags=["tensorflow"]
def reconstruct(image, target, loss, steps, learning_rate):
    """The image after `steps` steps of gradient descent, clipped to 0..1 after each.

    Useful: tf.GradientTape, tape.watch, tape.gradient, tf.clip_by_value."""
    raise NotImplementedError


# %% name="check_reconstruct" check="reconstruct"
reconstruct = sl.check("reconstruct", reconstruct)

# %% [markdown] name="decibels_text"
# We want to turn a black image $x$ into a grey one, $t$. The loss is $\frac12 \sum (x - t)^2$ and $\eta = 0.5$, so each step halves the error. **Predict** how many decibels a step is worth.

# %% name="guess_decibels"
page.predict("decibels", "How many decibels is a step worth?", unit="dB")

# %% name="decibels"
# NBVAL_CHECK_OUTPUT
black, grey = sl.to_tensor(np.zeros((4, 5, 3))), sl.to_tensor(np.full((4, 5, 3), 0.8))
for steps in (1, 2, 3, 4):
    image = reconstruct(black, grey, lambda x, t: sl.content_loss(x, t, "half_sum"), steps, learning_rate=0.5)
    pixel = sl.to_image(image)[0, 0, 0]
    print(f"steps {steps}: the first pixel is {pixel:.2f}, PSNR {float(psnr(image, grey)):.2f} dB")

# %% [markdown] name="own_loop_text"
# <details><summary>Compare with your guess</summary>
#
# Six. Half the error is a quarter of its square, and $10 \log_{10} 4$ is 6.02.
#
# </details>
#
# Now let your loop look through the encoder: at conv1_1 of a 48-pixel thumbnail, from noise, with three learning rates. A mean over many pixels gives each one a small share of the gradient, so the rates are multiplied by the number of pixels.
#
# **Predict** what a rate that is ten times too large does.

# %% name="guess_own_loop"
page.predict(
    "own_loop",
    "What does a rate that is ten times too large do?",
    [
        "it arrives, only sooner",
        "it arrives less exactly, close to the thumbnail",
        "it ends up further away than the noise",
    ],
)

# %% name="own_loop"
encoder = sl.load_encoder("auto", ("conv1_1",), normalised=True)
tiny = images.resize(photograph, 48)
start = sl.to_tensor(np.random.default_rng(SEED).uniform(size=tiny.shape))
target, thumbnails = encoder(sl.to_tensor(tiny))["conv1_1"], {"original": tiny}


def miss(image, target):
    return unlike(encoder(image)["conv1_1"], target)


for rate in (0.002, 0.02, 0.2):
    found = reconstruct(start, target, miss, 60, rate * 48**2)
    thumbnails[f"η = {rate} · 48²"] = sl.to_image(found)
    print(f"η = {rate} · 48²: J = {float(miss(start, target)):.2f} becomes {float(miss(found, target)):.3f}")
page.show(plots.side_by_side(thumbnails), "The astronaut, and what became of noise at three rates.")

# %% [markdown] name="depth_text"
# <details><summary>Compare with your guess</summary>
#
# It overshoots, and ends up worse than noise, in a wild pattern. The rate in the middle arrives; the smallest creeps.
#
# </details>
#
# ## 2.4 Deeper and deeper
#
# **L-BFGS** learns from its past steps how far to go. From here on we use it, as the paper does.
#
# Deep layers average over many pixels and are blind to fine patterns, so the noise from the start would remain. A small price $\gamma$ on **total variation**, the same for all five layers, makes the search prefer smooth images. For $H$ rows and $W$ columns of pixels $x_{i,j}$ it minimises
#
# $$J + \gamma\, \frac{1}{HW} \sum \left(|x_{i+1,j} - x_{i,j}| + |x_{i,j+1} - x_{i,j}|\right).$$
#
# **Predict**: at which layer do you lose the face? And the colour of the suit?

# %% name="guess_depth"
page.predict(
    "depth", "At which layer do you lose the face?", ["conv2_1", "conv3_1", "conv5_1", "at none of the five"]
)

# %% name="inversion"
GAMMA = 0.1


def inversion(layer, gamma=GAMMA, **options):
    """A function: image -> its losses by name, compared with one layer of the photograph."""
    encoder = sl.load_encoder(options.pop("encoder", "auto"), (layer,), normalised=True, **options)
    wanted = encoder(sl.to_tensor(photograph))[layer]

    def loss(image):
        rough = sl.total_variation(image) / SIZE**2
        return {"content": unlike(encoder(image)[layer], wanted), "tv": gamma * rough}

    return loss


# %% name="depth"
def rebuild(loss, live, start=noise):
    """The last step of a whole run from noise."""
    for step in sl.optimise(sl.to_tensor(start), loss, steps=STEPS):
        live.show(step)
    return step


live = page.Live("The astronaut, coming out of the noise", steps=len(LAYERS) * STEPS)
last = {layer: rebuild(inversion(layer), live) for layer in LAYERS}
rebuilt = {layer: step.image for layer, step in last.items()}
live.finish(
    plots.side_by_side({"photograph": photograph, **rebuilt}),
    "The photograph, then five reconstructions of it, from conv1_1 to conv5_1.",
)

# %% [markdown] name="measured_text"
# <details><summary>Compare with your guess</summary>
#
# The face is patchy at conv4_1 and gone at conv5_1. Colours grow paler from layer to layer, and yet there is still something orange where the suit is, even at conv5_1.
#
# </details>
#
# ### In numbers
#
# Three to read together. If $J$ is small, the search has succeeded, and anything missing from the image is missing from the layer. Two baselines to compare with: the noise itself, and a flat grey image, which knows only the mean.

# %% name="measured"
both = {layer: measures(image, photograph) for layer, image in rebuilt.items()}
grey = np.full_like(photograph, photograph.mean())
baselines = {"noise": measures(noise.astype(np.float32), photograph), "flat grey": measures(grey, photograph)}
panels = {}
for which, measure in enumerate(("PSNR (dB)", "structural similarity (no unit)")):
    panels[measure] = {"reconstruction": {layer: each[which] for layer, each in both.items()}}
    panels[measure] |= {name: dict.fromkeys(LAYERS, each[which]) for name, each in baselines.items()}
for name, (decibels, similarity) in (both | baselines).items():
    fit = f"J = {last[name].parts['content']:.4f}, " if name in last else ""
    print(f"{name}: {fit}PSNR {decibels:.1f} dB, structural similarity {similarity:.2f}")
page.show(plots.against_depth(panels), "Both measures fall from conv1_1 to conv5_1, to that of flat grey.")

# %% name="falls"
# NBVAL_CHECK_OUTPUT
for measure, curves in panels.items():
    curve = curves["reconstruction"]
    print(f"{measure} at conv1_1 > conv3_1 > conv5_1: {curve['conv1_1'] > curve['conv3_1'] > curve['conv5_1']}")

# %% [markdown] name="kept_text"
# ## 2.5 What exactly is lost?
#
# Deep down, flat grey scores about as well: both rulers punish bold guesses. Yet the blotches know more than grey. Split each image into **brightness** (the mean of red, green and blue) and **colour** (the rest), and each of these into **coarse** (means over 8 x 8 blocks: *where* things are) and **fine** (the rest: *how they look*). Then correlate each part with the photograph's: 1 means kept, 0 means lost.
#
# **Predict** the order in which the four lines fall.

# %% name="guess_kept"
page.predict(
    "kept",
    "Which of the four parts survives the longest?",
    ["coarse brightness", "fine brightness", "coarse colour", "fine colour"],
)

# %% name="kept"
def coarse(part):
    blocks = part.reshape(8, SIZE // 8, 8, SIZE // 8, -1).mean(axis=(1, 3))
    return blocks.repeat(SIZE // 8, axis=0).repeat(SIZE // 8, axis=1)


def aspects(image):
    grey = image.mean(axis=2, keepdims=True)
    for name, part in {"brightness": grey, "colour": image - grey}.items():
        yield f"coarse {name}", coarse(part).ravel()
        yield f"fine {name}", (part - coarse(part)).ravel()


# %% name="kept_figure"
kept = {name: {} for name, _ in aspects(photograph)}
for layer, image in rebuilt.items():
    for (name, part), (_, original) in zip(aspects(image), aspects(photograph), strict=True):
        kept[name][layer] = np.corrcoef(part, original)[0, 1]
for name, curve in kept.items():
    print(f"{name}:", ", ".join(f"{value:.2f}" for value in curve.values()))
alt = "Four lines over five layers; the numbers printed here are their heights."
page.show(plots.against_depth({"correlation with the photograph (no unit)": kept}), alt)

# %% [markdown] name="smooth_text"
# <details><summary>Compare with your guess</summary>
#
# Fine colour, coarse brightness, fine brightness, and last coarse colour: *that* something orange is down there survives to the end. At conv5_1 the fine parts have both fallen to a quarter. The paper's VGG-19 keeps more there: it has more filters, and saw a million photographs. What is lost depends on the encoder, so we measure it.
#
# </details>
#
# ## 2.6 Many images, one activation
#
# Did the layer forget, or did our price on roughness blur the image? Here is conv4_1 without that price, at our $\gamma$, and at ten times as much. **Predict** which looks the most like the astronaut, and at which the activation fits worst.

# %% name="guess_smooth"
page.predict(
    "smooth", "Which price gives the image most like the astronaut?", ["none at all", "ours", "ten times ours"]
)

# %% name="smooth"
live = page.Live("The astronaut at conv4_1", steps=2 * STEPS)
runs = {
    "γ = 0": rebuild(inversion("conv4_1", 0), live),
    f"γ = {GAMMA}": last["conv4_1"],
    f"γ = {10 * GAMMA:g}": rebuild(inversion("conv4_1", 10 * GAMMA), live),
}
live.finish(
    plots.side_by_side({name: step.image for name, step in runs.items()}),
    "Three reconstructions from conv4_1, one for each price.",
)
for name, step in runs.items():
    print(f"{name}: J = {step.parts['content']:.4f}, {measures(step.image, photograph)[0]:.1f} dB")

# %% [markdown] name="two_starts_text"
# <details><summary>Compare with your guess</summary>
#
# The one in the middle. Without a price the search fills with speckle whatever conv4_1 does not look at, and $J$ is lowest; at the highest price the image is flat and pale, and $J$ is ten times as large as without a price. So the layer forgot, and the price only decides what stands in the gaps.
#
# </details>
#
# ### Does the start decide, too?
#
# Now at our $\gamma$ again, from *different* noise, at conv1_1 and at conv4_1. **Predict** for each layer whether both starts lead to the same image.

# %% name="guess_two_starts"
page.predict(
    "two_starts",
    "At which layer do both starts lead to the same image?",
    ["at both", "only at conv4_1", "only at conv1_1", "at neither"],
)

# %% name="two_starts"
other_noise = np.random.default_rng(SEED + 1).uniform(size=photograph.shape)
live = page.Live("The astronaut, from different noise", steps=2 * STEPS)
pairs, rows = {}, {}
for layer in ("conv1_1", "conv4_1"):
    one, other = pairs[layer] = rebuilt[layer], rebuild(inversion(layer), live, other_noise).image
    rows[layer] = {"noise 1": one, "noise 2": other, "difference x 4": 4 * np.abs(one - other)}
alt = "Two rows, conv1_1 and conv4_1: the images from two kinds of noise, and their difference."
live.finish(plots.image_rows(rows), alt)
for layer, pair in pairs.items():
    print(f"{layer}: the two reconstructions agree to {measures(*pair)[0]:.1f} dB")

# %% [markdown] name="try_text"
# <details><summary>Compare with your guess</summary>
#
# From conv1_1 they do: the difference is black. From conv4_1 they lead to two images, which agree in what the layer keeps and differ in detail, most along the edges, although $J$ is small for both. That is what "lost" means.
#
# </details>
#
# **Try it.** Choose a layer and a price: the image changes for a few more steps, before your eyes. Go up from conv5_1 to conv1_1: the astronaut returns. Go down again: why does she *not* vanish? Without a kernel you see the image that the sliders start from.

# %% name="try_it"
moving = sl.to_tensor(rebuilt["conv5_1"])


def paint(layer, gamma):
    """A few more steps from the last image."""
    global moving
    for step in sl.optimise(moving, inversion(layer, gamma), steps=15):
        yield step
    moving = sl.to_tensor(step.image)


sliders = {"layer": list(LAYERS[::-1]), "gamma": (0.001, 10, GAMMA)}
page.try_it(paint, rebuilt["conv5_1"], "Blotches: what conv5_1 knows of the astronaut", sliders)

# %% [markdown] name="race_text"
# ## 2.7 L-BFGS against Adam
#
# **Adam** gives each pixel a rate of its own, from the mean and the spread of its past gradients. **L-BFGS** keeps its last twenty moves and estimates from them how the gradient bends. It does more per step, so counting steps alone would be unfair.
#
# **Predict** which is lower after all steps, and whether the order changes when you count seconds.

# %% name="guess_race"
page.predict(
    "race",
    "Which optimiser is lower after all steps, and which when you count seconds?",
    [
        "Adam, by either count",
        "L-BFGS by steps, Adam by seconds",
        "L-BFGS, by either count",
        "Adam by steps, L-BFGS by seconds",
    ],
)

# %% name="race"
curves, live = {"step": {}, "time (s)": {}}, page.Live("Two optimisers at conv3_1", steps=2 * STEPS)
for name, optimiser in {"L-BFGS": "lbfgs", "Adam": "adam"}.items():
    losses, seconds = [], []
    for step in sl.optimise(sl.to_tensor(noise), inversion("conv3_1"), optimiser=optimiser, steps=STEPS):
        losses.append(step.loss)
        seconds.append(time.perf_counter())
        live.show(step)
    shares = np.array(losses) / losses[0]
    curves["step"][name] = np.arange(len(shares)) + 1, shares
    curves["time (s)"][name] = np.array(seconds) - seconds[0], shares  # the first step also sets things up
    print(f"{name}: the loss is {shares[-1]:.1%} of the first after {seconds[-1] - seconds[0]:.1f} s")
figure = plots.lines(curves, "loss (share of the first)", log=True)
live.finish(figure, "The losses of L-BFGS and Adam, against steps and against seconds.")

# %% [markdown] name="encoders_text"
# <details><summary>Compare with your guess</summary>
#
# L-BFGS is lower, and it got there first by either count, although each of its steps takes longer.
#
# </details>
#
# Compare at one height, not at one step: draw a horizontal line at the loss you want, and see which curve crosses it first. The seconds are from one machine; on yours the gap may differ.
#
# ## 2.8 Another encoder, another answer
#
# The same layer, conv3_1, in three networks: the one used so far, with **average pooling**; the same filters with **max pooling**, which passes on one value of four; and **random weights**, which have never seen an image.
#
# **Predict** whether a network must have *learned* anything for an image to come back.

# %% name="guess_encoders"
page.predict(
    "encoders",
    "Must a network have learned anything for an image to come back?",
    ["yes, it must", "this run will not tell", "no, random weights do as well"],
)

# %% name="encoders"
live = page.Live("The astronaut at conv3_1 of other encoders", steps=3 * STEPS)
encoders = {
    "average pooling": rebuild(inversion("conv3_1", pooling="average"), live),
    "max pooling": rebuild(inversion("conv3_1", pooling="max"), live),
    "random weights": rebuild(inversion("conv3_1", encoder="random"), live),
}
live.finish(
    plots.side_by_side({name: step.image for name, step in encoders.items()}),
    "Reconstructions from conv3_1 with average pooling, with max pooling, and with random weights.",
)
for name, step in encoders.items():
    decibels, similarity = measures(step.image, photograph)
    print(f"{name}: J = {step.parts['content']:.3f}, {decibels:.1f} dB, structural similarity {similarity:.2f}")

# %% [markdown] name="quiz_text"
# <details><summary>Compare with your guess</summary>
#
# We cannot say yet. Look at $J$ first: with random weights it is still large, so the search has not arrived, and the poor image is the optimiser's fault, not the layer's.
#
# </details>
#
# ## Quiz
#
# Six questions, marked immediately. Without a kernel, unfold an answer to read the feedback on it.

# %% name="quiz"
page.quiz("02")

# %% [markdown] name="recap"
# ## What to remember
#
# 1. $J$ compares activations position by position: 0 for the same, 1 for silence.
# 2. PSNR counts errors of pixels, 6 dB for each halving. Structural similarity is sensitive to edges and texture, and forgives a change of light.
# 3. A reconstruction is gradient descent on pixels from noise. The learning rate decides between creeping, arriving and overshooting.
# 4. Shallow layers fix the image. Deep ones leave more and more open, fine colour first, and the start and the total variation decide what they leave open. How much depends on the encoder.
# 5. Compare optimisers by the time to reach the same loss, from the same start, on the same machine.
#
# ## Going further
#
# - Choose your own photograph in 2.1. The embedded encoder learned from images that include this one: does an unfamiliar one come back as well?
# - With VGG-19 in the cache (`stylelab encoders download vgg19`) run all cells again and compare with figure 1 of the paper.
# - Give the random weights in 2.8 five times the steps.
# - Ask for two layers at once: add two losses. Which pairs are worth it?
#
# ## References
#
# 1. A. Mahendran, A. Vedaldi, *Understanding deep image representations by inverting them*, CVPR 2015. [arXiv:1412.0035](https://arxiv.org/abs/1412.0035): the method, with total variation, and the relative loss.
# 2. L. Gatys, A. Ecker, M. Bethge, *Image style transfer using convolutional neural networks*, CVPR 2016. [Open access](https://openaccess.thecvf.com/content_cvpr_2016/html/Gatys_Image_Style_Transfer_CVPR_2016_paper.html): our 2.4 is the bottom row of its figure 1.
# 3. Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, *Image quality assessment: from error visibility to structural similarity*, IEEE Transactions on Image Processing 2004. [doi:10.1109/TIP.2003.819861](https://doi.org/10.1109/TIP.2003.819861).
# 4. Q. Huynh-Thu, M. Ghanbari, *Scope of validity of PSNR in image/video quality assessment*, Electronics Letters 2008. [doi:10.1049/el:20080522](https://doi.org/10.1049/el:20080522).
# 5. D. Liu, J. Nocedal, *On the limited memory BFGS method for large scale optimization*, Mathematical Programming 1989. [doi:10.1007/BF01589116](https://doi.org/10.1007/BF01589116); D. Kingma, J. Ba, *Adam*, ICLR 2015. [arXiv:1412.6980](https://arxiv.org/abs/1412.6980).
