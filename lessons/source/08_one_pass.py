# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] name="title"
# # 8 · A network can learn to paint
#
# {{badges}}
#
# This is the {{framework}} edition. The same lesson in {{other_framework}}: [08_one_pass_{{other_module}}.ipynb](08_one_pass_{{other_module}}.ipynb)
#
# **You will**
#
# 1. race a network that has learned to paint against an optimisation, and say what each of them moves (one prediction, question 1);
# 2. make a painting independent of the photograph's contrast (exercise 8.1, two predictions, question 2);
# 3. give one network six styles, mix them, and teach it a seventh (exercise 8.2, three predictions, question 3);
# 4. measure what a network gives up for its speed (one prediction, question 4);
# 5. paint a film, see why it flickers, and calm it (exercise 8.3, two predictions, question 5).
#
# **Time** 50 minutes · **Needs** a style transfer (lesson 4), mean and covariance (lesson 6) · **Runs on** a laptop, in three to five minutes for all cells. Without a GPU, images have 160 to 256 pixels and the training 100 steps; with one, 320 to 512 pixels and 600 steps. The cells are the same.

# %% name="setup" tags=["torch"]
import os, sys, time

# {{colab}}

import numpy as np
import torch
import stylelab.torch as sl
from stylelab import images, page, plots
from stylelab.recipes import scaled
from stylelab.result import Step

setting = page.set_up(sl, seed=0)

# %% name="setup" tags=["tensorflow"]
import os, sys, time

# {{colab}}

import numpy as np
import stylelab.tensorflow as sl
import tensorflow as tf
from stylelab import images, page, plots
from stylelab.recipes import scaled
from stylelab.result import Step

setting = page.set_up(sl, seed=0)

# %% [markdown] name="network_text"
# ## 8.1 A minute, or a moment?
#
# Until now every image was painted by itself. An optimisation moved its pixels for many steps, and what it found out on the way was lost: the next photograph began from nothing.
#
# Instead, let the steps move the numbers of a network. At each step it paints a few other photographs; the same encoder and the same losses as before measure its paintings, and the gradient passes through the painting into its filters. In the end it can paint photographs that it has never seen, in one pass. Such a network comes with stylelab. It is called `six`, after the six styles that it has learned.
#
# ### What it is made of
#
# An image is folded, so that each square of 2 x 2 pixels is one position, with twelve numbers. Four more are added from waves, patterns of four sizes that are always the same: in an even sky nothing else tells one position from the next, and strokes begin there. Of the eighteen convolutions, one halves the image's size, fourteen change it bit by bit at that size, and one enlarges it again; the first and the last lead from colours to filters and back.

# %% name="network"
# NBVAL_CHECK_OUTPUT
painter = sl.load_network("six")
for name in ("first", "down1", "block1a", "up1", "last"):
    filters, channels, side = painter.shape.convolutions[name]
    print(f"{name:8}{filters} filters of {side} x {side} x {channels}")
numbers = sum(filters * channels * side**2 for filters, channels, side in painter.shape.convolutions.values())
print(f"{len(painter.shape.convolutions)} convolutions have {numbers:,} numbers in all")

# %% [markdown] name="race_text"
# ### A race
#
# **Predict**: how many times as fast as a short optimisation is one pass, ten times or a thousand times?

# %% name="guess_race"
page.predict(
    "race",
    "How many times as fast as a short optimisation is one pass?",
    ["ten times or less", "between ten and a thousand times", "a thousand times or more"],
)

# %% name="race"
recipe = scaled("stylelab", setting.preset)
SIZE, STEPS = recipe.size * 5 // 8, max(12, recipe.steps * 2 // 5)
photograph, style = images.open_image("china", size=SIZE), "brushstrokes"
code = painter.code(style)
painter.paint(photograph, code)  # a first call also makes things ready
began = time.perf_counter()
once = painter.paint(photograph, code)
moment = time.perf_counter() - began
live = page.Live("The pagoda, as it is optimised", steps=STEPS)
optimised = sl.transfer(photograph, style, size=SIZE, steps=STEPS, watch=live.show)
shown = {"photograph": photograph, "optimised": optimised.image, "in one pass": once}
live.finish(plots.side_by_side(shown), f"{images.alt('china')}; painted by an optimisation, and by the network.")
total, seconds = optimised.history["total"], optimised.history["seconds"][-1]
print(f"optimisation: {seconds:.1f} s, and the loss is {total[-1] / total[0]:.1%} of the first")
print(f"one pass: {1000 * moment:.0f} ms each on {setting.device}, {seconds / moment:.0f} times as fast")

# %% [markdown] name="instance_norm_text"
# <details><summary>Compare with your guess</summary>
#
# In between, mostly: the cell says how many times on this machine. More steps would widen the gap. Each step of the optimisation goes through the encoder and back; the network goes once, through fewer filters, and never back. The hours of its training are not counted. They are paid once.
#
# </details>
#
# ## 8.2 Who decides about contrast?
#
# The style should decide how bold a painting is, and not the light in which the photograph was taken. But filters are linear: half the contrast gives half the responses, all the way through. **Instance normalisation** stops that right behind each convolution. With mean $\mu$ and variance $\sigma^2$ of one filter's responses in one image, each response $x$ becomes
#
# $$\hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}.$$
#
# A small $\varepsilon$ keeps a filter that does not respond at 0.
#
# ### Exercise 8.1 · instance normalisation
#
# Three lines. Mean and variance are taken over height and width, of each filter and each image by itself; the variance is divided by the number of positions. While an answer is missing or wrong, its check says why, and the lesson continues with stylelab's own function.

# %% name="instance_norm" exercise="instance_norm"
def instance_norm(activation, epsilon):
    """{{activation}} -> the same shape: each filter of each image with mean 0 and variance 1."""
    raise NotImplementedError


# %% name="check_instance_norm" check="instance_norm"
instance_norm = sl.check("instance_norm", instance_norm)

# %% [markdown] name="contrast_text"
# At four positions a filter responds with 1, 1, 3 and 3. **Predict** what the normalisation makes of that, and what it makes of half the contrast and more brightness: 5.5, 5.5, 6.5 and 6.5.

# %% name="guess_contrast"
page.predict(
    "contrast",
    "What does the normalisation make of 5.5, 5.5, 6.5 and 6.5?",
    ["-0.5, -0.5, 0.5, 0.5", "0.5, 0.5, 1.5, 1.5", "-1, -1, 1, 1"],
)

# %% name="contrast"
# NBVAL_CHECK_OUTPUT
responses = np.float32([1, 1, 3, 3]).reshape(2, 2, 1).repeat(3, 2)  # three filters that respond alike
for name, given in {"as they are": responses, "half the contrast": 0.5 * responses + 5}.items():
    normalised = sl.to_array(instance_norm(sl.to_tensor(given), 1e-5))
    print(f"{name}: {normalised[..., 0].ravel().round(3).tolist()}")

# %% [markdown] name="pale_text"
# <details><summary>Compare with your guess</summary>
#
# -1, -1, 1 and 1, both times: mean and deviation are gone, and which responses are above the mean is left.
#
# </details>
#
# ### A pale photograph
#
# **Predict** how much paler the painting is if the photograph loses half of its contrast.

# %% name="guess_pale"
page.predict(
    "pale",
    "How much paler is the painting if the photograph loses half of its contrast?",
    ["by half, as the photograph", "by about a quarter", "not at all"],
)

# %% name="pale"
SIDE = recipe.size
large = images.open_image("china", size=SIDE)
pale = 0.5 * large + 0.25
shown = {"photograph": large, "half its contrast": pale}
shown |= {f"{name}, painted": painter.paint(image, code) for name, image in shown.items()}
page.show(plots.side_by_side(shown, columns=2), "A photograph, the same in half the contrast, and both painted.")
for name, image in shown.items():
    print(f"{name:28}standard deviation {image.std():.2f}")

# %% [markdown] name="conditional_instance_norm_text"
# <details><summary>Compare with your guess</summary>
#
# Not at all. Behind the first normalisation both photographs are nearly the same.
#
# </details>
#
# ## 8.3 A style is a list of numbers
#
# Normalised responses have to get a size and an offset again. Who says which? The style! For each normalised filter a style $s$ has a **gain** $\gamma_s$ and a **bias** $\beta_s$:
#
# $$y = \gamma_s\, \hat x + \beta_s.$$
#
# This is **conditional instance normalisation**. All filters are shared: every style uses the same edges, patches and strokes, and says how strongly each of them counts. Gains and biases, and twelve numbers for the style's colours, are the style's **code**.
#
# ### Exercise 8.2 · conditional instance normalisation
#
# One or two lines, with your `instance_norm`. Each image of the batch has gains and biases of its own, for it may be painted in a style of its own.

# %% name="conditional_instance_norm" exercise="conditional_instance_norm"
def conditional_instance_norm(activation, gain, bias, epsilon):
    """{{activation}}, gain and bias (B, C) -> the same shape as the activation."""
    raise NotImplementedError


# %% name="check_conditional_instance_norm" check="conditional_instance_norm"
conditional_instance_norm = sl.check("conditional_instance_norm", conditional_instance_norm)

# %% [markdown] name="codes_text"
# **Predict**: next to the filters' numbers, which all styles share, how many does one style add: a half, a tenth, or less than a hundredth?

# %% name="guess_codes"
page.predict(
    "codes",
    "How many numbers does one style add to those that all styles share?",
    ["a half of them", "a tenth of them", "less than a hundredth of them"],
)

# %% name="codes"
# NBVAL_CHECK_OUTPUT
normalised = sum(painter.shape.normalised.values())
print(f"{normalised} normalised filters: {2 * normalised} gains and biases, {len(code):,} numbers a style")
print(f"that is {len(code) / numbers:.1%} of what all styles share")

# %% [markdown] name="six_text"
# <details><summary>Compare with your guess</summary>
#
# Less than a hundredth. That is enough for another way to paint.
#
# </details>
#
# One network, six codes:

# %% name="six"
six = {name: painter.paint(large, painter.code(name)) for name in painter.network.styles}
page.show(plots.side_by_side(six, columns=3), "The pagoda in six styles, by one network.")

# %% [markdown] name="between_text"
# ## 8.4 Between two styles
#
# The network of 8.3 also runs [in a browser]({{try_it}}), on a phone too, with a slider for each style and your camera.
#
# Codes are vectors, and any mean of two vectors is a vector: so there is a style halfway between two others, which no step of the training has seen. **Predict**: does it look like a double exposure of both paintings?

# %% name="guess_between"
page.predict(
    "between",
    "Does the style halfway look like a double exposure of both paintings?",
    [
        "yes, the lines of both show faintly",
        "no, each line is drawn once",
        "no, it looks like only one of the two",
    ],
)

# %% name="between"
pair = "stained-glass", "fluid"
codes = [painter.code(name) for name in pair]
halfway = painter.paint(large, (codes[0] + codes[1]) / 2)
exposed = (six[pair[0]] + six[pair[1]]) / 2
shown = {pair[0]: six[pair[0]], pair[1]: six[pair[1]], "codes mixed": halfway, "images mixed": exposed}
page.show(plots.side_by_side(shown, columns=2), "Two styles, their codes mixed, and their images mixed.")
print(f"the two mixtures differ by {np.abs(halfway - exposed).mean():.2f} a pixel")

# %% [markdown] name="mix_text"
# <details><summary>Compare with your guess</summary>
#
# Not quite. In a double exposure each painting's lines show faintly. Mixed codes draw each line once, in one manner.
#
# </details>
#
# **Try it.** One pass is quick enough for a slider: mix any two styles. Without a kernel you see the photograph.

# %% name="try_it"
def mix(first, second, percent):
    """The photograph, in a mixture of two styles."""
    yield painter.paint(large, painter.code([first, second], blend=[100 - percent, percent]))


styles = list(painter.network.styles)
sliders = {"first": styles, "second": styles[::-1], "percent": range(0, 101, 10)}
page.try_it(mix, large, images.alt("china"), sliders)

# %% [markdown] name="seventh_text"
# ## 8.5 A seventh style
#
# If a style is a code, a new style needs no new network. Keep every filter as it is, and let the gradient move one code. That is a small training, and it can be watched: at each step the network paints two pieces of photographs, the encoder measures them, and the code moves. The loss jumps up and down, as each step has other pieces.
#
# The new style is a pattern of rings. Its twelve colour numbers are computed from the pattern; all others begin at the mean of the six. **Predict** what the network paints after the first step.

# %% name="guess_train"
page.predict(
    "train",
    "What does the network paint after the first step?",
    [
        "rings, in the pattern's colours",
        "the photograph as it is",
        "a mean of the six styles, in the pattern's colours",
        "one of the six styles, in its own colours",
    ],
)

# %% name="pattern"
PALETTE = np.float32([[0.93, 0.86, 0.70], [0.83, 0.24, 0.16], [0.10, 0.28, 0.48], [0.95, 0.68, 0.20]])
y, x = np.mgrid[:256, :256]
away = np.hypot(y % 64 - 31.5, x % 64 - 31.5)  # pixels from the middle of the next circle
rings = PALETTE[(away // 7 + y // 64 + x // 64).astype(int) % 4]

# %% name="train"
LENGTH, CROP = {"ci": (10, 64), "cpu": (100, 128)}.get(setting.preset, (600, 256))
live = page.Live("The pagoda, as the network learns to paint rings", steps=LENGTH)
losses, learned = [], []
for step in sl.train({"rings": rings}, steps=LENGTH, size=CROP):
    learned.append(step.weights()["codes"][0])
    losses.append(step.loss)
    live.show(Step(step.index, step.loss, step.parts, lambda: painter.paint(large, learned[-1])))
stages = {f"step {n}": painter.paint(large, learned[n - 1]) for n in (1, LENGTH // 5, LENGTH)}
live.finish(plots.side_by_side({"rings": rings, **stages}, columns=2), "Rings, and the pagoda in three stages.")
few = max(1, LENGTH // 10)
print(f"mean loss of the first steps: {np.mean(losses[:few]):.2f}, of the last: {np.mean(losses[-few:]):.2f}")

# %% [markdown] name="limits_text"
# <details><summary>Compare with your guess</summary>
#
# A mean of six manners, in the pattern's colours. Then outlines appear, and bands in two colours; whole rings are too large for most filters.
#
# </details>
#
# ## 8.6 What does speed cost?
#
# Measure both with the same ruler, at the same size. The style error is that of lesson 6, of mean and covariance, summed over five layers; the content error is the squared difference at conv3_1, as a share of the photograph's own. **Predict** who is nearer to the style, and who to the photograph.

# %% name="guess_limits"
page.predict(
    "limits",
    "Who is nearer to the style, and who to the photograph?",
    [
        "the network to both",
        "the optimisation to both",
        "the network to the style, the optimisation to the photograph",
        "the optimisation to the style, the network to the photograph",
    ],
)

# %% name="limits"
LAYERS = "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"
encoder = sl.load_encoder("auto", LAYERS, normalised=True)
painting = images.open_image(style, size=SIZE)
wanted, seen = encoder(sl.to_tensor(painting)), encoder(sl.to_tensor(photograph))
for name, image in {"photograph": photograph, "one pass": once, "optimised": optimised.image}.items():
    found = encoder(sl.to_tensor(image))
    far = sum(float(sl.covariance_loss(found[layer], wanted[layer])) for layer in LAYERS)
    away, own = (sl.to_array(one["conv3_1"]) for one in (found, seen))
    print(f"{name:12}style error {far:7.3f}, content error {np.mean((away - own) ** 2) / np.mean(own**2):.3f}")

# %% [markdown] name="warp_text"
# <details><summary>Compare with your guess</summary>
#
# The optimisation comes nearer to both: it looks at its result after every step, and improves it. The network has one try. It knows one size of strokes, that of its training, and nothing of masks, layers or weights. For those, and for the best image, optimise.
#
# </details>
#
# ## 8.7 A film
#
# A film has 25 images a second: only a network keeps up. But painted one by one, frames flicker. To measure that, we have to know where everything went. That is a **flow**: for each pixel of the new frame, how far to the right and how far down it was in the frame before. Moved by the flow, the frame before should be the new frame.
#
# ### Exercise 8.3 · move an image by a flow
#
# About ten lines. Each pixel is taken from its own position plus its flow, mostly between four pixels: round down, and mix the four, first along rows, then between rows. Beyond the edge, take the nearest pixel.

# %% name="warp" exercise="warp" tags=["torch"]
def warp(image, flow):
    """Image (1, 3, H, W) in 0..1, flow (1, 2, H, W) in pixels, to the right and down -> (1, 3, H, W).

    Useful: torch.arange, floor, long, clamp, image[0][:, rows, columns]."""
    raise NotImplementedError


# %% name="warp" exercise="warp" tags=["tensorflow"]
def warp(image, flow):
    """Image (1, H, W, 3) in 0..1, flow (1, H, W, 2) in pixels, to the right and down -> (1, H, W, 3).

    Useful: tf.range, tf.floor, tf.cast, tf.clip_by_value,
    tf.gather_nd(image[0], tf.stack([rows, columns], -1))."""
    raise NotImplementedError


# %% name="check_warp" check="warp"
warp = sl.check("warp", warp)

# %% [markdown] name="quarter_text"
# A row of four pixels: 0, 0, 1, 0. The flow is a quarter of a pixel to the right, everywhere. **Predict** the row that comes out.

# %% name="guess_quarter"
page.predict("quarter", "Which row comes out?", ["0, 0, 0.75, 0.25", "0, 0.25, 0.75, 0", "0, 0.75, 0.25, 0"])

# %% name="quarter" tags=["torch"]
# NBVAL_CHECK_OUTPUT
row = torch.tensor([0.0, 0, 1, 0]).expand(1, 3, 2, 4)  # three colours, two rows alike
flow = torch.tensor([0.25, 0]).reshape(1, 2, 1, 1).expand(1, 2, 2, 4)
print([f"{value:.2f}" for value in warp(row, flow)[0, 0, 0].tolist()])


def moved(image, right):
    """An image (H, W, 3), whose pixels are taken from this far to the right."""
    flow = torch.zeros(1, 2, *image.shape[:2], device=setting.device)
    flow[:, 0] = right
    return sl.to_array(warp(sl.to_tensor(image), flow))

# %% name="quarter" tags=["tensorflow"]
# NBVAL_CHECK_OUTPUT
row = tf.broadcast_to(tf.constant([0.0, 0, 1, 0])[:, None], (1, 2, 4, 3))  # three colours, two rows alike
flow = tf.broadcast_to(tf.constant([0.25, 0]), (1, 2, 4, 2))
print([f"{value:.2f}" for value in warp(row, flow)[0, 0, :, 0].numpy()])


def moved(image, right):
    """An image (H, W, 3), whose pixels are taken from this far to the right."""
    flow = tf.broadcast_to(tf.constant([right, 0], tf.float32), (1, *image.shape[:2], 2))
    return sl.to_array(warp(sl.to_tensor(image), flow))

# %% [markdown] name="film_text"
# <details><summary>Compare with your guess</summary>
#
# 0, 0.25, 0.75, 0: each pixel is three quarters of its own and a quarter of its right neighbour.
#
# </details>
#
# ### Frame by frame
#
# A camera turns to the right, by a few pixels a frame, so the flow is known. The second film remembers: each of its frames is half the painting, and half its own last frame, moved along. **Predict** by how much painted frames differ after the move, when photographed ones do not differ at all.

# %% name="guess_film"
page.predict(
    "film",
    "By how much do painted frames differ after the move?",
    ["by less than 0.01 a pixel", "by 0.01 to 0.3 a pixel", "by more than 0.3 a pixel"],
)

# %% name="film"
def flicker(frames, right):
    """How far each frame is from the last, moved along, on average; the edge is left out."""
    edge = len(frames[0]) // 6
    apart = [np.abs(moved(last, right) - new) for last, new in zip(frames, frames[1:], strict=False)]
    return np.mean([difference[edge:-edge, edge:-edge] for difference in apart])


width, right = SIDE * 3 // 4, 3
film = [large[:, right * n : right * n + width] for n in range(6)]
painted = [painter.paint(frame, code) for frame in film]
calm = painted[:1]
for new in painted[1:]:
    calm.append((new + moved(calm[-1], right)) / 2)
for name, frames in {"photographs": film, "paintings": painted, "with memory": calm}.items():
    print(f"{name:13}change by {flicker(frames, right):.3f} a pixel")

# %% name="difference"
shown = {"a frame": painted[-2], "the next": painted[-1]}
for name, frames in {"difference": painted, "with memory": calm}.items():
    shown[name] = np.clip(4 * np.abs(moved(frames[-2], right) - frames[-1]), 0, 1)
page.show(plots.side_by_side(shown, columns=2), "Two painted frames, and what is left of them after the move.")
for pixels in (1, 2, 3, 4):
    two = [painter.paint(large[:, start : start + width], code) for start in (0, pixels)]
    print(f"the camera turns by {pixels}: paintings change by {flicker(two, pixels):.3f} a pixel")

# %% [markdown] name="quiz_text"
# <details><summary>Compare with your guess</summary>
#
# Strokes jump, mostly in the sky, where they begin at the waves, and these do not turn with the camera. A memory calms that. And look at a turn by 4: the network halves its image twice, so its positions lie 4 pixels apart, and a move of just that changes least.
#
# </details>
#
# ## Quiz
#
# Five questions, marked immediately. Without a kernel, unfold an answer to read the feedback on it.

# %% name="quiz"
page.quiz("08")

# %% [markdown] name="recap"
# ## What to remember
#
# 1. An optimisation moves the pixels of one image; a training moves the numbers of a network, which then paints any image in one pass.
# 2. Instance normalisation removes each filter's mean and deviation, image by image, and with them the photograph's contrast.
# 3. Filters are shared; a style is a gain and a bias for each of them. Codes can be mixed, and a new style needs only a new code.
# 4. A network has one try, one size of strokes, and no weights to turn. An optimisation looks at its result, and comes nearer.
# 5. Painted one by one, frames flicker. A memory of the last frame, moved by the flow, makes them calmer.
#
# ## Going further
#
# - Teach the network a painting of yours: `stylelab train` does what 8.5 does, and keeps the result in a file.
# - Train for ten times as long, or let the filters move too: `sl.train(..., whole=True)`. What becomes of the other six styles?
# - In a film of yours the flow is not known, but `skimage.registration.optical_flow_ilk` estimates it from two frames.
# - The next lesson needs no training for a new style at all: [lesson 9](09_any_style_{{module}}.ipynb).
#
# ## References
#
# 1. J. Johnson, A. Alahi, L. Fei-Fei, *Perceptual losses for real-time style transfer and super-resolution*, ECCV 2016. [arXiv:1603.08155](https://arxiv.org/abs/1603.08155): the network of 8.1.
# 2. D. Ulyanov, A. Vedaldi, V. Lempitsky, *Instance normalization: the missing ingredient for fast stylization*, 2016. [arXiv:1607.08022](https://arxiv.org/abs/1607.08022): 8.2.
# 3. V. Dumoulin, J. Shlens, M. Kudlur, *A learned representation for artistic style*, ICLR 2017. [arXiv:1610.07629](https://arxiv.org/abs/1610.07629): 8.3 to 8.5.
# 4. M. Ruder, A. Dosovitskiy, T. Brox, *Artistic style transfer for videos*, GCPR 2016. [arXiv:1604.08610](https://arxiv.org/abs/1604.08610): flow and memory, for an optimisation.
