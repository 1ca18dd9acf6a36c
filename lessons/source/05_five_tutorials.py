# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] name="title"
# # 5 · Five tutorials are one engine with different settings
#
# {{badges}}
#
# This is the {{framework}} edition. The same lesson in {{other_framework}}: [05_five_tutorials_{{other_module}}.ipynb](05_five_tutorials_{{other_module}}.ipynb)
#
# **You will**
#
# 1. read a tutorial as one row of settings, and mix image and noise for a start (exercise 5.1);
# 2. write a learning rate that decays (exercise 5.2), and say which optimiser needs one made for its loss;
# 3. find a slip that raises no error, and fix it (exercise 5.3);
# 4. tell weights from powers, from factors in disguise and from a clamp in the wrong place (three predictions);
# 5. compare optimisers fairly: one loss, one start, against steps and against seconds (one prediction).
#
# **Time** 55 minutes · **Needs** content loss, Gram matrix and total variation (lesson 4) · **Runs on** a laptop, in one to three minutes for all cells. Without a GPU, images have 160 pixels and runs at most 100 steps; with one, 320 pixels and up to 500 steps. The cells are the same.

# %% name="setup" tags=["torch"]
import os, sys, time

# {{colab}}

import numpy as np
import torch
import stylelab.torch as sl
from stylelab import images, page, plots
from stylelab.recipes import RECIPES, Optimiser, scaled
from stylelab.result import History
from stylelab.run.prepare import prepare

setting = page.set_up(sl, seed=0)

# %% name="setup" tags=["tensorflow"]
import os, sys, time

# {{colab}}

import numpy as np
import stylelab.tensorflow as sl
import tensorflow as tf
from stylelab import images, page, plots
from stylelab.recipes import RECIPES, Optimiser, scaled
from stylelab.result import History
from stylelab.run.prepare import prepare

setting = page.set_up(sl, seed=0)

# %% [markdown] name="table_text"
# ## 5.1 What really differs?
#
# This course grew from five documents in Chinese, all with VGG-19. They are good tutorials: we learned from them. Every one lowers
#
# $$J = \alpha\, J_{content} + \beta\, J_{style} + \gamma\, TV$$
#
# by changing pixels: a content loss, a style loss and total variation $TV$, which some leave out, with weights $\alpha$, $\beta$ and $\gamma$. So each fits in one row: which layers, which averages, which optimiser, which start, how many steps.
#
# ### What the five do
#
# | document | does | slips | the kit adds |
# |:--|:--|:--|:--|
# | report, Keras | content at conv5_2; sums; SGD; photograph; 4000 steps | an index for a slice (5.4); promises one forward pass, but trains no network | MMD, which it names: lesson 6 |
# | tutorial, TensorFlow | conv5_2; means; Adam; photograph; 200 steps | its chapter on real time is empty | one pass: lessons 8, 9 |
# | course exercise, TensorFlow 1 | a middle layer; quarter means; photograph under noise; 200 steps | says VGG-16 once; most code is cut off | its numbers recomputed: 5.8 |
# | tutorial, PyTorch | conv2_2; means; Adam; photograph; 5000 steps | powers, computed once (5.6); undefined functions | weights, added: 5.6 |
# | laboratory report, PyTorch | conv4_2; means, in its text sums; L-BFGS; steps not given | weights squared (5.5); a clamp (5.7) | bounds: 5.7 |
#
# Most slips raise no error. Our rows do what the authors *meant*; the first is the paper's.

# %% name="table"
NAMES = "gatys", "keras", "tf-tutorial", "coursera", "pytorch-adam", "lab"
SIZE, MOST = scaled("gatys", setting.preset).size * 5 // 8, scaled("gatys", setting.preset).steps
photograph = images.open_image("china", size=SIZE)
painting = images.open_image("stained-glass", size=SIZE)
for name in NAMES:
    recipe = RECIPES[name]
    method = f"{recipe.optimiser.name} {recipe.optimiser.learning_rate:.2g}"
    gram = f"{recipe.style_loss.normalisation} {recipe.style_loss.reduce}"
    losses = f"{recipe.content_loss.reduce} at {','.join(recipe.content)}, {gram} at {len(recipe.style)}"
    print(f"{recipe.name:13}{losses:57}{method:13}from {recipe.start:8}{recipe.steps:5} steps")
page.show(
    plots.side_by_side({"content": photograph, "style": painting}),
    alt=f"Left: {images.alt('china')}. Right: {images.alt('stained-glass')}.",
)

# %% [markdown] name="blend_text"
# ## 5.2 Where does a run start?
#
# Most runs start from the photograph $p$. The course mixes it with a share $s$ of noise $n$, so that the start $x_0$ is random but still a little like the photograph, which saves steps:
#
# $$x_0 = s\, n + (1 - s)\, p, \qquad s = 0.6.$$
#
# ### Exercise 5.1 · the blend
#
# One line. While an answer is missing or wrong, its check says why, and the lesson continues with stylelab's own function.

# %% name="blend" exercise="blend"
def blend(image, noise, share):
    """{{image}} twice -> {{image}}: `share` parts noise, the rest the image."""
    raise NotImplementedError


# %% name="check_blend" check="blend"
blend = sl.check("blend", blend)

# %% [markdown] name="starts_text"
# The course's noise is weak: 20 grey levels of 255 to either side of a mean colour. **Predict** the value of a pixel of 0.2 under noise of 0.7, at $s = 0.6$. Will you still see the photograph?

# %% name="guess_starts"
page.predict("starts", "What is the value of a pixel of 0.2 under noise of 0.7, at s = 0.6?", unit="")

# %% name="starts"
# NBVAL_CHECK_OUTPUT
dark, bright = (sl.to_tensor(np.full((2, 2, 3), value)) for value in (0.2, 0.7))
for share in (0.0, 0.6, 1.0):
    print(f"share {share:g}: {float(sl.to_image(blend(dark, bright, share)).mean()):.3f}")
levels = np.random.default_rng(setting.seed).uniform(-20, 20, size=photograph.shape) / 255
pair = sl.to_tensor(photograph), sl.to_tensor(0.45 + levels)
starts = {f"s = {share:g}": sl.to_image(blend(*pair, share)) for share in (0.0, 0.6, 0.9, 1.0)}
page.show(plots.side_by_side(starts), "The photograph with four shares of noise.")

# %% [markdown] name="rate_text"
# <details><summary>Compare with your guess</summary>
#
# $0.6 \cdot 0.7 + 0.4 \cdot 0.2 = 0.5$. And you do: the start is a pale, grainy photograph. Remember that for 5.8.
#
# </details>
#
# ## 5.3 How long is a step?
#
# Plain gradient descent moves by the gradient times a **learning rate** $\eta$. The Keras report starts with $\eta = 100$: its weights are around $10^{-8}$, so its gradients are tiny. Then $\eta$ shrinks smoothly, by a factor $f = 0.96$ in every 100 steps, from $\eta_0$ at the start to $\eta_t$ at step $t$:
#
# $$\eta_t = \eta_0\, f^{\,t/100}.$$
#
# ### Exercise 5.2 · a rate that decays
#
# One line.

# %% name="decayed_rate" exercise="decayed_rate"
def decayed_rate(step, rate, factor):
    """The learning rate at a step: `rate` at step 0, `factor` times as much every 100 steps, smoothly."""
    raise NotImplementedError


# %% name="check_decayed_rate" check="decayed_rate"
decayed_rate = sl.check("decayed_rate", decayed_rate)

# %% [markdown] name="decay_text"
# **Predict** how much of 100 is left after the report's 4000 steps.

# %% name="guess_decay"
page.predict("decay", "How much of the learning rate of 100 is left after 4000 steps?", unit="")

# %% name="decay"
# NBVAL_CHECK_OUTPUT
for step in (0, 50, 100, 1000, 4000):
    print(f"step {step}: {float(decayed_rate(step, 100.0, 0.96)):.2f}")
steps = np.arange(0, 4001, 50)
rates = {f"f = {f}": (steps, [float(decayed_rate(int(t), 100.0, f)) for t in steps]) for f in (0.96, 0.9, 0.5)}
page.show(
    plots.lines({"step": rates}, "learning rate (no unit)"),
    "Three falling curves, one for each factor.",
)

# %% [markdown] name="variation_text"
# <details><summary>Compare with your guess</summary>
#
# A fifth.
#
# </details>
#
# **Adam** is different: it divides each pixel's gradient by its usual size, so its rate *is* about the length of a step. 0.02 means five grey levels of 255, whatever the loss.
#
# ## 5.4 A slip that raises no error
#
# The Keras report smooths with
#
# $$TV = \sum_{i,j} \left( (x_{i,j} - x_{i+1,j})^2 + (x_{i,j} - x_{i,j+1})^2 \right)^{1.25},$$
#
# over all pixels $x_{i,j}$, in row $i$ and column $j$, that have both neighbours. Its second difference is written `x[:, :H-1, :W-1] - x[:, H-1, 1:]`.
#
# ### Exercise 5.3 · as intended
#
# Three lines, slices only.

# %% name="keras_variation" exercise="keras_variation"
def keras_variation(image):
    """{{image}} -> scalar: the sum of (down^2 + right^2)^1.25 over the pixels that have both neighbours."""
    raise NotImplementedError


# %% name="check_keras_variation" check="keras_variation"
keras_variation = sl.check("keras_variation", keras_variation)

# %% [markdown] name="ramps_text"
# Did you see it? A colon is missing: `H-1` is an *index* where `:H-1` would be a slice. The index picks the last row, drops its axis, and broadcasting stretches that row over all the others. Each pixel is compared with the *bottom* of the image.
#
# **Predict** which ramp will notice: brighter downwards, or brighter to the right?

# %% name="guess_ramps"
page.predict(
    "ramps",
    "Which ramp will notice the slip?",
    ["the one that is brighter to the right", "the one that is brighter downwards", "both, equally"],
)

# %% name="ramps"
# NBVAL_CHECK_OUTPUT
def indexed(x):
    """The report's own line, for an image (1, H, W, 3): the second difference has an index."""
    last = x.shape[1] - 1
    down, right = x[:, :-1, :-1] - x[:, 1:, :-1], x[:, :-1, :-1] - x[:, last, 1:]
    return ((down**2 + right**2) ** 1.25).sum()


right = np.tile(np.linspace(0, 1, 6)[None, :, None], (6, 1, 3))
print("a slice:", right[None, :5, 1:].shape, "an index:", right[None, 5, 1:].shape)
for name, ramp in {"brighter to the right": right, "brighter downwards": right.transpose(1, 0, 2)}.items():
    meant, written = float(keras_variation(sl.to_tensor(ramp))), indexed(ramp[None])
    print(f"{name}: {meant:.2f} as meant, {written:.2f} as written")

# %% [markdown] name="smear_text"
# <details><summary>Compare with your guess</summary>
#
# The one that is brighter downwards. The ramp to the right has equal rows, so nothing shows: a test on that image alone would have passed.
#
# </details>
#
# Now lower each of the two sums, and nothing else, on the photograph. **Predict** what the slip paints.

# %% name="guess_smears"
page.predict(
    "smears",
    "What does the slip paint?",
    [
        "horizontal bands, row by row",
        "a haze, equally soft everywhere",
        "vertical streaks, down to the last row",
        "edges that are sharper than before",
    ],
)

# %% name="smear" tags=["torch"]
def smeared(image):
    """The slip in PyTorch's layout, where the lost axis must be kept for the shapes to fit."""
    down = image[:, :, :-1, :-1] - image[:, :, 1:, :-1]
    right = image[:, :, :-1, :-1] - image[:, :, -1:, 1:]
    return (down.square() + right.square()).pow(1.25).sum()


# %% name="smear" tags=["tensorflow"]
def smeared(image):
    """The slip, in TensorFlow's layout."""
    down = image[:, :-1, :-1] - image[:, 1:, :-1]
    right = image[:, :-1, :-1] - image[:, -1:, 1:]
    return tf.reduce_sum(tf.pow(tf.square(down) + tf.square(right), 1.25))


# %% name="smears"
smooth, live = {"photograph": photograph}, page.Live("The photograph, smoothed", steps=60)
for name, variation in {"as meant": keras_variation, "as written": smeared}.items():
    for step in sl.optimise(pair[0], variation, optimiser=Optimiser("adam", 0.02), steps=30):
        live.show(step)
    smooth[name] = step.image
live.finish(
    plots.side_by_side(smooth),
    "The photograph, smoothed as meant, and smoothed as written.",
)

# %% [markdown] name="disguise_text"
# <details><summary>Compare with your guess</summary>
#
# Curtains: every pixel is drawn towards the last row, below it. As meant, the image gets softer, and all stays in place.
#
# </details>
#
# ## 5.5 Weights in disguise
#
# A constant is a weight too. The Keras style loss divides, at every layer, by $4 \cdot 3^2 (HW)^2$, with the 3 colours, the height $H$ and the width $W$ of the *image*. The paper divides by $4 C^2 M^2$, with the $C$ filters and $M$ positions of the *layer*. So layers count
#
# $$\left(\frac{C M}{3\,HW}\right)^2$$
#
# times as much. Nor are its Gram matrices divided by the number of positions: that is why the report has to stretch the style image to the content's size. And the lab report multiplies activation *and* target by a weight $w$, before squaring.
#
# **Predict.** Which layer does "3" favour? What does $w = 2$ do?

# %% name="guess_disguise"
page.predict("disguise", 'Which layer does the "3" favour?', ["conv5_1", "conv3_1", "conv1_1"])

# %% name="disguise"
# NBVAL_CHECK_OUTPUT
for block, filters in enumerate((64, 128, 256, 512, 512)):  # VGG-19; each block has 1/4 of the positions before it
    print(f"conv{block + 1}_1 counts {(filters / 4**block / 3) ** 2:.1f} times as much as in the paper")
once = np.linspace(0, 1, 36).reshape(3, 4, 3)
one, two = sl.to_tensor(once), sl.to_tensor(np.tile(once, (2, 1, 1)))  # the same, with itself below it
for kind in ("raw", "per_location"):
    ratio = sl.gram_matrix(two, kind) / sl.gram_matrix(one, kind)
    print(f"twice the positions: {kind} Gram matrix times {float(ratio[0, 0, 0]):.1f}")
print(f"w = 2: loss times {float(sl.content_loss(2 * one, 0 * one) / sl.content_loss(one, 0 * one)):.1f}")

# %% [markdown] name="powers_text"
# <details><summary>Compare with your guess</summary>
#
# The first: conv1_1 counts 1024 times conv5_1, colours and dots before strokes. That is a matter of taste, but know that you chose it. And $w = 2$ acts as $w^2 = 4$.
#
# </details>
#
# ## 5.6 A power is not a weight
#
# The PyTorch tutorial says it adds two weighted losses. Its code multiplies powers:
#
# $$J = J_{content}^{\,\alpha} \cdot J_{style}^{\,\beta}, \qquad \alpha = 10^5.$$
#
# Take an "image" of one pixel $x$: the photograph is 0, the painting 1, so $J_{content} = x^2$ and $J_{style} = (1 - x)^2$. **Predict** the lowest point of the weighted sum with $\alpha = 3$, $\beta = 1$, and of the product.

# %% name="guess_powers"
page.predict(
    "powers",
    "Where is the product of powers lowest?",
    [
        "only at the photograph, x = 0",
        "somewhere between the two",
        "at both ends, x = 0 and x = 1",
        "only at the painting, x = 1",
    ],
)

# %% name="powers"
# NBVAL_CHECK_OUTPUT
x = np.linspace(0, 1, 101)
content, style = x**2, (1 - x) ** 2
curves = {"weighted sum": 3 * content + style, "product of powers": content**3 * style}
for name, curve in curves.items():
    print(f"{name}: lowest at x = {x[curve == curve.min()].round(2).tolist()}")
with np.errstate(over="ignore", under="ignore"):
    print("a loss to the power 1e5:", {loss: float(np.float64(loss) ** 1e5) for loss in (0.99, 1.0, 1.01)})
scaled_curves = {name: (x, curve / curve.max()) for name, curve in curves.items()}
page.show(
    plots.lines({"x: from photograph (0) to painting (1)": scaled_curves}, "J (share of its highest)"),
    "Two curves from photograph to painting: the weighted sum, and the product of powers.",
)

# %% [markdown] name="clamp_text"
# <details><summary>Compare with your guess</summary>
#
# The sum finds a compromise, at 0.25. The product is satisfied when *either* loss is 0, and a run that starts from the photograph is over before it begins: loss 0, gradient 0.
#
# </details>
#
# (The code also computes its loss only once, before the loop.)
#
# ## 5.7 A clamp in the wrong place
#
# Pixels must stay in 0..1. Adam tolerates a clamp after each step. **L-BFGS** does not: it learns curvature from pairs "I moved by $s$, the gradient changed by $y$". The lab report clamps *inside* the function that L-BFGS evaluates. Then the image did not move by $s$, and the memory is wrong.
#
# Two pixels are enough to see it. The second one wants to be 1.2. Here is the same idea with its whole memory in one matrix (BFGS) and, like PyTorch's default, without a line search.

# %% name="quasi_newton"
A, WISH = np.array([[3, 1.6], [1.6, 1]]), np.array([0.8, 1.2])  # curvature, and the lowest point

def quasi_newton(clamp, steps=12):
    """The last two pixels, and the loss at each step."""
    pixels, memory, losses = np.full(2, 0.5), 0.1 * np.eye(2), []
    for _ in range(steps):
        gradient = A @ (pixels - WISH)
        losses.append((pixels - WISH) @ gradient / 2)
        move = -memory @ gradient
        pixels = clamp(pixels + move)  # the method still believes that it moved by `move`
        change = A @ (pixels - WISH) - gradient
        if (slope := change @ move) > 1e-10:
            left = np.eye(2) - np.outer(move, change) / slope
            memory = left @ memory @ left.T + np.outer(move, move) / slope
    return pixels, losses


# %% [markdown] name="clamps_text"
# ### Three ways to stay in 0..1
#
# **Predict** which is lowest at the end: clamped inside, clamped once after the run, or a method that knows the bounds (L-BFGS-B)?

# %% name="guess_clamps"
page.predict(
    "clamps",
    "Which way to stay in 0..1 is lowest at the end?",
    ["clamped inside", "a method that knows the bounds", "clamped once after the run"],
)

# %% name="clamps"
# NBVAL_CHECK_OUTPUT
from scipy.optimize import minimize

def loss_at(pixels):
    return (pixels - WISH) @ A @ (pixels - WISH) / 2

_, inside = quasi_newton(lambda pixels: np.clip(pixels, 0, 1))
free, outside = quasi_newton(lambda pixels: pixels)
bounded = minimize(loss_at, np.full(2, 0.5), method="L-BFGS-B", bounds=[(0, 1)] * 2)
print("inside:", [f"{value:.3f}" for value in inside[:9]])
print(f"at the end: inside {inside[-1]:.3f}, after {loss_at(np.clip(free, 0, 1)):.3f}, bounded {bounded.fun:.3f}")
steps = np.arange(1, 13)
curves = {"clamped inside": (steps, inside), "never clamped": (steps, outside)}
page.show(plots.lines({"step": curves}, "loss (no unit)"), "The two losses, step by step.")

# %% [markdown] name="published_text"
# <details><summary>Compare with your guess</summary>
#
# The one that knows the bounds. Clamped once, after the run, is nearly as low. Clamped inside, the loss falls, then leaps *above* its start and stays in a corner.
#
# </details>
#
# On a photograph few pixels touch the bounds, so a run may look fine for hundreds of steps.
#
# ## 5.8 Check what is printed
#
# A tutorial that prints numbers can be checked. The course prints a Gram matrix, a total cost, and a log of its run with $\alpha = 10$, $\beta = 40$. **Predict**, from the log's first and last line, what share of $J$ the content has.

# %% name="guess_published"
page.predict(
    "published",
    "What share of J does the content have at the end of the log?",
    ["less than 1 percent", "about 5 percent", "about 20 percent", "about 50 percent"],
)

# %% name="published"
# NBVAL_CHECK_OUTPUT
three_filters = np.float32([[[-1.683445, 4.189092, 3.8925915], [1.8942858, 1.3846824, 2.3524866]]])  # 1 x 2
gram = sl.gram_matrix(sl.to_tensor(three_filters, "cpu"), "raw")[0].numpy()
print("its Gram matrix, first row:", [f"{value:.3f}" for value in gram[0]])
np.random.seed(3)
print(f"its total cost: {10 * np.random.randn() + 40 * np.random.randn():.3f}")
for step, content, style in ((0, 7877.67, 1.26259e8), (180, 18494.7, 2.42877e6)):
    total = 10 * content + 40 * style
    print(f"step {step}: total {total:.3g}, of which content {10 * content / total:.3%}")

# %% [markdown] name="six_text"
# <details><summary>Compare with your guess</summary>
#
# A fifth of a *percent* even at the end, and the content loss more than doubles.
#
# </details>
#
# All three agree with the printed numbers: 6.422, -4.429, -2.097; 35.34667875478276; 5.05e9 and 9.73e7. What keeps the Louvre in that image is not so much $\alpha$ as the start of 5.2.
#
# ## 5.9 One pair, six recipes
#
# Now all six, as intended, on the same two images, with the same encoder. Weights are rescaled for that encoder, and runs are cut to at most a hundred steps on a laptop. **Predict** which will be greyest, and which closest to the photograph. Think of start, rate and steps.

# %% name="guess_six"
page.predict("six", "Which image will be greyest?", ["gatys", "keras", "tf-tutorial", "coursera", "lab"])

# %% name="six"
runs = {name: scaled(name, setting.preset) for name in NAMES}
counts = {name: min(MOST, recipe.steps) for name, recipe in runs.items()}
live, six = page.Live("One photograph, painted by six recipes", steps=sum(counts.values())), {}
for name, recipe in runs.items():
    options = dict(size=SIZE, steps=counts[name], seed=setting.seed, watch=live.show)
    six[name] = sl.transfer(photograph, painting, recipe=recipe, **options)
titles = {f"{name}, {counts[name]} steps": result.image for name, result in six.items()}
live.finish(plots.side_by_side(titles), "Six images, each under its recipe's name.")
for name, result in six.items():
    moved = np.abs(result.image - photograph).mean()
    print(f"{name:13} {result.seconds:5.1f} s, pixels moved by {moved:.2f} on average")

# %% [markdown] name="race_text"
# <details><summary>Compare with your guess</summary>
#
# `coursera` is greyest, because its start was grey noise; `keras` has stayed closest to the photograph: its steps are short, and its author took 4000.
#
# </details>
#
# Their losses cannot be compared: one sums, another averages. Nor do six images that differ in six settings tell you "which is better". Change *one* thing at a time.
#
# ## 5.10 One loss, four optimisers
#
# So: the paper's loss for all, the same start, the same steps. Only the optimiser differs: **L-BFGS**, the two **Adams**, and **SGD** with decay. The first three have a natural step length. SGD's has to be chosen for the loss, or it creeps or explodes: we take the $\eta_0$ with which the first step moves a pixel of the image $x$ by 0.01 on average,
#
# $$\eta_0 = 0.01 \,/\, \mathrm{mean}\left|\partial J / \partial x\right|.$$

# %% name="one_loss" tags=["torch"]
ready = prepare(photograph, painting, recipe="gatys", size=SIZE)
encoder = sl.load_encoder(ready.encoder, ready.recipe.layers, normalised=ready.normalised)
start, style = (sl.to_tensor(image, setting.device) for image in (ready.content, ready.style))
loss = sl.transfer_loss(encoder, start, style, ready.recipe, ready.weights)

moving = start.clone().requires_grad_(True)
(gradient,) = torch.autograd.grad(sum(loss(moving).values()), moving)
rate = 0.01 / float(gradient.abs().mean())
keras = RECIPES["keras"].optimiser.learning_rate
print(f"SGD's rate: {rate:.1e} for this loss, {keras:.1e} for the Keras report's")

# %% name="one_loss" tags=["tensorflow"]
ready = prepare(photograph, painting, recipe="gatys", size=SIZE)
encoder = sl.load_encoder(ready.encoder, ready.recipe.layers, normalised=ready.normalised)
start, style = (sl.to_tensor(image, setting.device) for image in (ready.content, ready.style))
loss = sl.transfer_loss(encoder, start, style, ready.recipe, ready.weights)

with tf.GradientTape() as tape:
    tape.watch(start)
    total = tf.add_n(list(loss(start).values()))
rate = 0.01 / float(tf.reduce_mean(tf.abs(tape.gradient(total, start))))
keras = RECIPES["keras"].optimiser.learning_rate
print(f"SGD's rate: {rate:.1e} for this loss, {keras:.1e} for the Keras report's")

# %% [markdown] name="run_text"
# Four runs of one length, from one photograph:

# %% name="race"
racers = {
    "L-BFGS": Optimiser("lbfgs"),
    "Adam 0.02": Optimiser("adam", 0.02),
    "Adam 2/255": Optimiser("adam", 2 / 255),
    "SGD, decaying": Optimiser("sgd", rate, decay=0.96),
}
live, raced, ended = page.Live("The same loss, four optimisers", steps=4 * MOST), {}, {}
for name, optimiser in racers.items():
    raced[name], began = History(), None
    for step in sl.optimise(start, loss, optimiser=optimiser, steps=MOST):
        began = began or time.perf_counter()  # the first step may have to compile
        raced[name].append(step, time.perf_counter() - began)
        live.show(step)
    ended[name] = step.image
live.finish(plots.side_by_side(ended), f"Four images after {MOST} steps each, by L-BFGS, two Adams and SGD.")

# %% [markdown] name="goal_text"
# ### Who was first?
#
# To compare, we need a loss that all of them reached: the best loss of the slowest. **Predict** the order in which they reach it, counted in steps. Will it be different in seconds?

# %% name="guess_goal"
page.predict(
    "goal",
    "Which optimiser is the first to reach the common loss, counted in steps?",
    ["SGD", "the smaller Adam", "the larger Adam", "L-BFGS"],
)

# %% name="goal"
fallen = {name: history["total"] / history["total"][0] for name, history in raced.items()}
goal = max(curve.min() for curve in fallen.values())
first = {name: int(np.argmax(curve <= goal)) for name, curve in fallen.items()}
for name in sorted(first, key=first.get):
    seconds = raced[name]["seconds"][first[name]]
    print(f"{name:14} at {goal:.1%} after {first[name]:3} steps, {seconds:.1f} s", end="; ")
    print(f"at the end the loss is {fallen[name].min():.1%} of the first")
panels = {
    axis: {name: (history[column], fallen[name]) for name, history in raced.items()}
    for axis, column in {"step": "step", "time (s)": "seconds"}.items()
}
figure = plots.lines(panels, "loss (share of the first)", log=True)
page.show(figure, "The losses of the four, against steps and against seconds.")

# %% [markdown] name="try_text"
# <details><summary>Compare with your guess</summary>
#
# L-BFGS, the larger Adam, the smaller one, SGD, and in seconds too. L-BFGS also goes lowest: it alone learns curvature. The small Adam is careful: its stride is 2.5 times shorter. SGD has one rate for all pixels, so it creeps once the steep part is over. A step of any of them costs about one pass through the encoder, forward and back.
#
# </details>
#
# ### Go on with Adam
#
# **Try it.** From the last image, more steps: *rate* is the length of a step, *forget* is $1 - \beta_1$, the share of its memory that Adam replaces at each step. Which rate makes it shake? Without a kernel you see the image that the sliders start from.

# %% name="try_it"
painted = sl.to_tensor(step.image, setting.device)


def paint(rate, forget):
    """A few more steps of Adam, from wherever the image is."""
    global painted
    for step in sl.optimise(painted, loss, optimiser=Optimiser("adam", rate, beta1=1 - forget), steps=10):
        yield step
    painted = sl.to_tensor(step.image, setting.device)


sliders = {"rate": (0.001, 0.3, 0.02), "forget": (0.01, 1, 0.1)}  # lowest, highest, first
page.try_it(paint, step.image, "The photograph, painted so far", sliders)

# %% [markdown] name="quiz_text"
# ## Quiz
#
# Five questions, marked immediately. Without a kernel, unfold an answer to read its feedback.

# %% name="quiz"
page.quiz("05")

# %% [markdown] name="recap"
# ## What to remember
#
# 1. A tutorial is a row of settings: layers, averages, weights, start, optimiser, steps. A start with little noise keeps the photograph, whatever $\alpha$ says.
# 2. A rate decays as $\eta_0 f^{t/100}$. SGD's rate belongs to its loss; Adam's is about the length of a step.
# 3. An index where a slice was intended broadcasts silently. Test on an image that would notice.
# 4. A constant is a weight, a factor inside a square acts squared, a power is not a weight, and a clamp inside L-BFGS corrupts its memory.
# 5. Compare one thing at a time, to one and the same loss; count steps and seconds, and check what others print.
#
# ## Going further
#
# - `RECIPES["keras"].differs` says where our recipe departs from its document, and why. Read all six.
# - Race for the style loss alone: `lambda image: loss(image)["style"]`. Who wins?
# - All six agree on what style *is*. `mmd`, `wasserstein`, `sliced` and `nnst` do not: go on with [lesson 6](06_clouds_of_points_{{module}}.ipynb).
#
# ## References
#
# 1. F. Chollet, [*Neural style transfer*](https://keras.io/examples/generative/neural_style_transfer/), Keras examples: the original of `keras`.
# 2. TensorFlow, [*Neural style transfer*](https://www.tensorflow.org/tutorials/generative/style_transfer): the original of `tf-tutorial`.
# 3. deeplearning.ai, *Art generation with neural style transfer*, in [Convolutional Neural Networks](https://www.coursera.org/learn/convolutional-neural-networks): the original of `coursera`, and of the numbers in 5.8.
# 4. A. Jacq, [*Neural transfer using PyTorch*](https://docs.pytorch.org/tutorials/advanced/neural_style_tutorial.html): the original of `pytorch-adam`, and a model for `lab`.
# 5. L. Gatys, A. Ecker, M. Bethge, *Image style transfer using convolutional neural networks*, CVPR 2016. [Open access](https://openaccess.thecvf.com/content_cvpr_2016/html/Gatys_Image_Style_Transfer_CVPR_2016_paper.html).
# 6. D. Liu, J. Nocedal, [*On the limited memory BFGS method for large scale optimization*](https://doi.org/10.1007/BF01589116), 1989; D. Kingma, J. Ba, [*Adam*](https://arxiv.org/abs/1412.6980), ICLR 2015.
