# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] name="title"
# # 4 · A stylised image is the cheapest compromise between two images
#
# {{badges}}
#
# This is the {{framework}} edition. The same lesson in {{other_framework}}: [04_style_transfer_{{other_module}}.ipynb](04_style_transfer_{{other_module}}.ipynb)
#
# **You will**
#
# 1. build the Gram matrix, and see that it keeps a style and forgets *where* things are (exercise 4.1);
# 2. combine content and style in one number (exercise 4.2);
# 3. move an image downhill yourself, then own the loop of a full transfer (exercise 4.3);
# 4. choose $\alpha$ and $\beta$ to reach a stated balance, and say what layers, start and steps do (exercise 4.4, two predictions);
# 5. smooth a result with total variation (exercise 4.5).
#
# **Time** 50 minutes · **Needs** convolutions, activations and gradient descent · **Runs on** a laptop, in three to five minutes for all cells. Without a GPU, images have 256 pixels and runs a fifth of the paper's steps; with one, 512 pixels and 500 steps. The cells are the same.

# %% name="setup" tags=["torch"]
import os, sys, time

# {{colab}}

import numpy as np
import torch
import stylelab.torch as sl
from stylelab import images, page, plots
from stylelab.recipes import scaled
from stylelab.result import History

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% name="setup" tags=["tensorflow"]
import os, sys, time

# {{colab}}

import numpy as np
import stylelab.tensorflow as sl
import tensorflow as tf
from stylelab import images, page, plots
from stylelab.recipes import scaled
from stylelab.result import History

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% [markdown] name="pictures_text"
# ## 4.1 What do we keep of each image?
#
# From one image we want *what is there*: a pagoda above trees. From the other we want *how it is painted*: strokes, colours, swirls, but not its hills. The same frozen network answers both questions, an **encoder**: 16 convolutions that turn an image into activations, layer by layer.
#
# Content is easy. If two images give the same activations at a middle layer, they show the same things in the same positions. So the **content loss** compares activations position by position:
#
# $$J_{content} = \frac{\sum (F - P)^2}{\sum P^2},$$
#
# with the activation $F$ of the image being painted, $P$ of the photograph, and sums over all positions and filters. It is 0 for equal images, and around 1 for strangers.
#
# The paper uses conv1_1 ... conv5_1 on large images. On our small ones deep layers would see everything at once, so we use the first five.

# %% name="pictures"
recipe = scaled("gatys", setting.preset)
SIZE, STEPS = recipe.size, recipe.steps
CONTENT, STYLE = "conv3_1", ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")

encoder = sl.load_encoder("auto", (CONTENT, *STYLE), normalised=True)
photograph = images.open_image("china", size=SIZE)
painting = images.open_image("brushstrokes", size=SIZE)
page.show(
    plots.side_by_side({"content": photograph, "style": painting}),
    alt=f"Left: {images.alt('china')}. Right: {images.alt('brushstrokes')}.",
)

# %% [markdown] name="gram_text"
# ## 4.2 Style is which filters respond together
#
# A stroke of blue next to yellow is the same style in any corner. So for style we keep only *which filters respond together*, and sum over all positions. With $F$ as a table of $C$ filters by $HW$ positions, height times width, filter $i$ responds with $F_{ip}$ at position $p$, and that is the **Gram matrix**
#
# $$G = \frac{F F^T}{H W}, \qquad G_{ij} = \frac{1}{HW}\sum_{p} F_{ip} F_{jp}.$$
#
# ### Exercise 4.1 · the Gram matrix
#
# Two or three lines. Flatten height and width, then multiply. Keep the images of a batch apart. While your answer is missing or wrong, the next cell says why and the lesson continues with stylelab's own function, so you are never stuck.

# %% name="gram_matrix" exercise="gram_matrix" tags=["torch"]
def gram_matrix(activation):
    """{{activation}} -> (B, C, C): F F^T / (H W) for each image.

    Useful: reshape, transpose, @."""
    raise NotImplementedError


# %% name="gram_matrix" exercise="gram_matrix" tags=["tensorflow"]
def gram_matrix(activation):
    """{{activation}} -> (B, C, C): F F^T / (H W) for each image.

    Useful: tf.reshape, tf.matmul with transpose_a=True."""
    raise NotImplementedError


# %% name="check_gram_matrix" check="gram_matrix"
gram_matrix = sl.check("gram_matrix", gram_matrix)

# %% [markdown] name="gram_by_hand_text"
# Do one by hand: three filters, two positions. Filter 1 responds with 1 at both, filter 2 only at the second (2), filter 3 only at the first (2).
#
# **Predict.** Which entry says that filters 2 and 3 never respond together? What changes when the two positions swap?

# %% name="guess_gram_by_hand"
page.predict(
    "gram_by_hand",
    "What changes in the Gram matrix when the two positions swap?",
    ["its diagonal", "the entries of filters 2 and 3", "nothing", "all of its entries"],
)

# %% name="gram_by_hand"
# NBVAL_CHECK_OUTPUT
activation = np.float32([[[1, 0, 2], [1, 2, 0]]])  # one row of two positions, three filters
for name, array in {"as it is": activation, "swapped": activation[:, ::-1]}.items():
    gram = gram_matrix(sl.to_tensor(array, "cpu"))[0].numpy()
    print(name, gram.round(3).tolist())

# %% [markdown] name="moved_text"
# <details><summary>Compare with your guess</summary>
#
# The zero in row 2, column 3 (and in row 3, column 2). Nothing changes.
#
# </details>
#
# Now with the encoder: move the whole painting, so that everything is somewhere else. **Predict** which of the two losses notices.

# %% name="guess_moved"
page.predict(
    "moved",
    "Which of the two losses notices that the painting has moved?",
    ["the style loss", "the content loss", "both of them", "neither of them"],
)

# %% name="moved"
def unlike(seen, wanted):
    """Sum of squared differences as a share of the target's: 0 when equal, around 1 for strangers."""
    return sl.content_loss(seen, wanted) / sl.content_loss(0 * wanted, wanted)


moved = np.roll(painting, (painting.shape[0] // 2, painting.shape[1] // 3), axis=(0, 1))
shown = {"painting": painting, "moved": moved, "photograph": images.fit(photograph, painting.shape[:2])}
seen = {name: encoder(sl.to_tensor(image)) for name, image in shown.items()}
for name in ("moved", "photograph"):
    content = float(unlike(seen[name][CONTENT], seen["painting"][CONTENT]))
    grams = [[gram_matrix(seen[which][layer]) for which in (name, "painting")] for layer in STYLE]
    style = np.mean([float(unlike(*pair)) for pair in grams])
    print(f"painting and {name}: content loss {content:.2f}, style loss {style:.3f}")
page.show(plots.side_by_side(shown), "The painting; the painting, moved; the photograph.")

# %% [markdown] name="cost_text"
# <details><summary>Compare with your guess</summary>
#
# The content loss: to it the moved painting is a stranger. By style it is itself.
#
# </details>
#
# ## 4.3 Two losses become one number
#
# So the **style loss** compares Gram matrices, at each layer $l$ the matrix $G_l$ of the image being painted with $A_l$ of the painting. It sums over all entries, and averages over the $L$ layers:
#
# $$J_{style} = \frac1L \sum_l \frac{\sum (G_l - A_l)^2}{\sum A_l^2}.$$
#
# An optimiser can lower only one number, so the two losses are weighted and added to a total, $J$:
#
# $$J = \alpha\, J_{content} + \beta\, J_{style}.$$
#
# $\alpha$ and $\beta$ are *prices*: how much you pay for each unit of either loss.
#
# ### Exercise 4.2 · the total cost
#
# One line.

# %% name="total_cost" exercise="total_cost"
def total_cost(content, style, alpha, beta):
    """The weighted sum of two losses; all four are scalars."""
    raise NotImplementedError


# %% name="check_total_cost" check="total_cost"
total_cost = sl.check("total_cost", total_cost)

# %% [markdown] name="cost_numbers_text"
# The numbers below come from a well-known course (reference 4), which prints 35.34667875478276 for $\alpha = 10$, $\beta = 40$. **Predict** what happens to the *best image* when both weights are doubled.

# %% name="guess_cost_numbers"
page.predict(
    "cost_numbers",
    "What happens to the best image when both weights are doubled?",
    ["it stays the same", "it has more style", "it has more content", "it changes in both"],
)

# %% name="cost_numbers" tags=["torch"]
# NBVAL_CHECK_OUTPUT
np.random.seed(3)
content, style = torch.tensor(np.float32(np.random.randn(2)))
print(f"J = {float(total_cost(content, style, 10.0, 40.0)):.3f}")
print(f"J = {float(total_cost(content, style, 20.0, 80.0)):.3f} with both weights doubled")

# %% name="cost_numbers" tags=["tensorflow"]
# NBVAL_CHECK_OUTPUT
np.random.seed(3)
content, style = tf.constant(np.float32(np.random.randn(2)))
print(f"J = {float(total_cost(content, style, 10.0, 40.0)):.3f}")
print(f"J = {float(total_cost(content, style, 20.0, 80.0)):.3f} with both weights doubled")

# %% [markdown] name="step_text"
# <details><summary>Compare with your guess</summary>
#
# Nothing. $J$ doubles everywhere, so its lowest point stays where it is. Only the ratio $\beta / \alpha$ counts.
#
# </details>
#
# ## 4.4 The image is what learns
#
# In training, filters change and images stay. Here it is the other way round: the encoder is frozen, the targets are computed once, and the **pixels** are the unknowns. Gradient descent moves the image $x$ by its gradient, times a **learning rate** $\eta$:
#
# $$x \leftarrow \mathrm{clip}_{0..1}\left(x - \eta\, \frac{\partial J}{\partial x}\right).$$
#
# ### Exercise 4.3 · one step
#
# Three to five lines. `loss(image, target)` gives a scalar. Do not change `image` in place, and leave `target` alone.

# %% name="one_step" exercise="one_step" tags=["torch"]
def one_step(image, target, loss, learning_rate):
    """The image after one step of gradient descent, in 0..1.

    Useful: detach, clone, requires_grad_, torch.autograd.grad, clamp."""
    raise NotImplementedError


# %% name="one_step" exercise="one_step" tags=["tensorflow"]
def one_step(image, target, loss, learning_rate):
    """The image after one step of gradient descent, in 0..1.

    Useful: tf.GradientTape, tape.watch, tape.gradient, tf.clip_by_value."""
    raise NotImplementedError


# %% name="check_one_step" check="one_step"
one_step = sl.check("one_step", one_step)

# %% [markdown] name="downhill_text"
# We want to turn a black image $x$ into a grey one, $t$. The loss is $\frac12 \sum (x - t)^2$ and $\eta = 0.5$, so each step halves the distance. **Predict** the factor by which the loss falls.

# %% name="guess_downhill"
page.predict("downhill", "By which factor does the loss fall at each step?", unit="")

# %% name="downhill"
# NBVAL_CHECK_OUTPUT
black, grey = np.zeros((4, 5, 3)), np.full((4, 5, 3), 0.8)
image, target = sl.to_tensor(black), sl.to_tensor(grey)
for step in range(5):
    print(f"step {step}: loss {float(sl.content_loss(image, target, 'half_sum')):.3f}")
    image = one_step(image, target, lambda x, t: sl.content_loss(x, t, "half_sum"), 0.5)

# %% [markdown] name="transfer_text"
# <details><summary>Compare with your guess</summary>
#
# Four: half the distance is a quarter of the loss.
#
# </details>
#
# For real images plain gradient descent is slow: the best learning rate differs from pixel to pixel. **L-BFGS** remembers its last steps and learns the curvature from them; the paper uses it, and so do we.
#
# ## 4.5 The full transfer, in a loop that you own
#
# Here is the whole loss. It uses *your* Gram matrix if it was right. The targets are computed once, outside `loss`: only the image moves.

# %% name="transfer_loss"
def transfer_loss(content, style, alpha, beta, layers=STYLE):
    """A function: image -> its weighted losses by name. `optimise` lowers their sum."""
    target = encoder(content)[CONTENT]
    grams = {layer: gram_matrix(seen) for layer, seen in encoder(style).items()}

    def loss(image):
        seen = encoder(image)
        style = sum(unlike(gram_matrix(seen[layer]), grams[layer]) for layer in layers) / len(layers)
        return {"content": alpha * unlike(seen[CONTENT], target), "style": beta * style}

    return loss


# %% [markdown] name="run_text"
# `optimise` is an iterator: each pass through the loop is one step, and what you do with it is up to you. We start from the photograph. **Predict** what the content loss will do: fall, rise, or stay?

# %% name="guess_run"
page.predict("run", "What will the content loss do?", ["it falls", "it rises", "it stays as it is"])

# %% name="run"
ALPHA, BETA = 1.0, 100.0
loss = transfer_loss(sl.to_tensor(photograph), sl.to_tensor(painting), ALPHA, BETA)
live = page.Live("The pagoda, turning into brush strokes", steps=STEPS)
keep, filmstrip = {1, STEPS // 20, STEPS // 5, STEPS}, {}
history, began = History(), time.perf_counter()
for step in sl.optimise(sl.to_tensor(photograph), loss, optimiser="lbfgs", steps=STEPS):
    history.append(step, seconds=time.perf_counter() - began)
    if step.index in keep:
        filmstrip[step.index] = step.image
    live.show(step)
result = step.image
live.finish(result, "The pagoda and its trees, painted in thick swirling strokes of blue, yellow and white")

# %% [markdown] name="curves_text"
# <details><summary>Compare with your guess</summary>
#
# It rises: it starts at 0, because the image *is* the photograph, and must rise for the style to fall.
#
# </details>
#
# Next the losses, and four images along the run. **Predict** at which step you would have stopped.

# %% name="guess_curves"
page.predict(
    "curves",
    "When would you have stopped the run?",
    ["after a twentieth of its steps", "after a fifth", "after half", "at its end"],
)

# %% name="curves"
fallen = history["total"] / history["total"][0]
print(f"{len(history)} steps, {1000 * history[-1]['seconds'] / len(history):.0f} ms each on {setting.device}")
print(f"the loss is {fallen[-1]:.1%} of the first; half the steps gave {fallen[len(fallen) // 2]:.1%}")
page.show(plots.loss_curves(history), "The total, content and style loss, step by step.")
page.show(plots.filmstrip(filmstrip), "The image at four steps of the run.")

# %% [markdown] name="balance_text"
# <details><summary>Compare with your guess</summary>
#
# There is no right answer, but the second half lowered the loss by little. One of the reports behind this course (reference 5) saw no difference between 5000 and 10000 steps of a slower method.
#
# </details>
#
# ## 4.6 How much style?
#
# Weights are prices, not shares: what share of $J$ each part has depends on the losses too. Suppose a run has ended with $J_{content}$ and $J_{style}$ (unweighted) and, for $\alpha = 1$, you want the style to be a share $s$ of the total:
#
# $$\beta J_{style} = s\,(J_{content} + \beta J_{style}).$$
#
# ### Exercise 4.4 · reach a balance
#
# Solve for $\beta$ on paper. One line.

# %% name="balance" exercise="balance"
def balance(content, style, share):
    """The beta that makes the style `share` (between 0 and 1) of the total, when alpha is 1."""
    raise NotImplementedError


# %% name="check_balance" check="balance"
balance = sl.check("balance", balance)

# %% [markdown] name="sweep_text"
# Now paint three images, somewhat smaller to save time. $\beta$ is chosen so that the style would be 0.1 %, 5 % and 90 % of the last run's total. **Predict** which one keeps the colours of the photograph, and whether the last one still has a pagoda.

# %% name="guess_sweep"
page.predict(
    "sweep",
    "Does the last image, with 90 % of style, still have a pagoda?",
    ["no, only strokes are left", "only a hint of it", "yes, clearly"],
)

# %% name="sweep"
SMALL, QUICK = SIZE * 5 // 8, max(10, STEPS * 3 // 10)
small = [sl.to_tensor(images.resize(image, SMALL)) for image in (photograph, painting)]
ended = {"content": history[-1]["content"] / ALPHA, "style": history[-1]["style"] / BETA}
swept, live = {}, page.Live("The photograph, repainted with more and more style", steps=3 * QUICK)
for share in (0.001, 0.05, 0.9):
    beta = float(balance(ended["content"], ended["style"], share))
    for step in sl.optimise(small[0], transfer_loss(*small, 1.0, beta), steps=QUICK):
        live.show(step)
    swept[f"β = {round(beta, 1):g}"] = step.image
live.finish(plots.side_by_side(swept), "Three images side by side, one for each price of style.")

# %% [markdown] name="try_text"
# <details><summary>Compare with your guess</summary>
#
# The first keeps its colours, nearly all of them. And even nine tenths of style do not erase the pagoda: the run started from it, and the content loss still pulls.
#
# </details>
#
# **Try it.** Move a slider: the image changes for a few more steps at the new prices, before your eyes. Without a kernel you see the image that the sliders start from.

# %% name="try_it"
painted = sl.to_tensor(step.image)  # the last one above


def paint(alpha, beta):
    """A few more steps from the last image."""
    global painted
    for step in sl.optimise(painted, transfer_loss(*small, alpha, beta), steps=10):
        yield step
    painted = sl.to_tensor(step.image)


prices = {"alpha": (0.1, 10, 1), "beta": (1, 10000, 100)}  # lowest, highest, first
page.try_it(paint, step.image, "The pagoda in strokes", prices)

# %% [markdown] name="variants_text"
# ## 4.7 Which layers, and from where?
#
# conv1_1 sees 3 x 3 pixels and knows colours and dots; conv3_1 sees 24 x 24 and knows how strokes join. And the start matters, because an optimiser finds *a* low point, not the lowest one.
#
# **Predict** what is missing when only conv1_1 gives the style, and how much of the pagoda comes back from noise.

# %% name="guess_variants"
page.predict(
    "variants",
    "How much of the pagoda comes back from noise?",
    ["all of it, in other colours", "a hint at most", "all of its outlines"],
)

# %% name="variants"
noise = np.random.default_rng(SEED).uniform(size=sl.to_image(small[0]).shape)
variants = {
    "conv1_1 only": (STYLE[:1], small[0]),
    "all five layers": (STYLE, small[0]),
    "from noise": (STYLE, sl.to_tensor(noise)),
}
live = page.Live("The pagoda, with other layers and another start", steps=len(variants) * QUICK)
for name, (layers, start) in variants.items():
    for step in sl.optimise(start, transfer_loss(*small, 1.0, BETA, layers), steps=QUICK):
        live.show(step)
    variants[name] = step.image
live.finish(
    plots.side_by_side(variants),
    "The style from conv1_1 alone, from all five layers, and from all five layers with a start from noise.",
)

# %% [markdown] name="tv_text"
# <details><summary>Compare with your guess</summary>
#
# conv1_1 brings the colours and fine dots, and no strokes. From noise the style arrives at once and the pagoda does not, but for a hint of its roof: a stroke can go anywhere, each thing belongs in only one position. That is why most recipes start from the photograph.
#
# </details>
#
# ## 4.8 Noise costs nothing, unless you charge for it
#
# Nothing in $J$ forbids speckle between neighbouring pixels. **Total variation** puts a price on it. With $x_{i,j}$ for the pixel in row $i$, column $j$:
#
# $$TV = \sum |x_{i+1,j} - x_{i,j}| + \sum |x_{i,j+1} - x_{i,j}|.$$
#
# ### Exercise 4.5 · total variation
#
# Two or three lines. Slices, no loops: subtract the image from itself, moved by one pixel.

# %% name="total_variation" exercise="total_variation"
def total_variation(image):
    """{{image}} -> scalar: the sum of absolute differences between neighbours, down and right."""
    raise NotImplementedError


# %% name="check_total_variation" check="total_variation"
total_variation = sl.check("total_variation", total_variation)

# %% [markdown] name="smooth_text"
# Losses are functions, so they can be combined: `smooth` adds a third part to any loss, at the price $\gamma$. We look at a part of the image, enlarged. **Predict** what too high a price does to the strokes.

# %% name="guess_smooth"
page.predict(
    "smooth",
    "What does too high a price do to the strokes?",
    [
        "it makes them longer",
        "it only takes the speckle off them",
        "it turns them into flat patches",
        "it breaks them up into dots",
    ],
)

# %% name="smooth"
def smooth(loss, gamma):
    """Any loss, plus total variation at the price gamma per pixel."""
    return lambda image: loss(image) | {"tv": gamma * total_variation(image) / SMALL**2}


smoothed, live = {"γ = 0": variants["all five layers"]}, page.Live("The pagoda, with two prices", steps=2 * QUICK)
for gamma in (4, 20):
    for step in sl.optimise(small[0], smooth(transfer_loss(*small, 1.0, BETA), gamma), steps=QUICK):
        live.show(step)
    smoothed[f"γ = {gamma}"] = step.image
part = slice(SMALL // 16, SMALL * 3 // 8), slice(SMALL * 3 // 8, SMALL * 7 // 8)  # sky beside the pagoda
live.finish(
    plots.side_by_side({name: image[part] for name, image in smoothed.items()}),
    "A part of the sky and the pagoda's roofs, at three prices of total variation.",
)

# %% [markdown] name="grid_text"
# <details><summary>Compare with your guess</summary>
#
# At 4 the speckle is softer and the strokes are still there. At 20 they are gone: whatever is not worth its price becomes a flat patch with a hard edge.
#
# </details>
#
# ## 4.9 Every image in every style
#
# Landmarks down the side, styles along the top, and nothing else changes: same layers, same $\alpha$, $\beta$ and $\gamma$ for all. **Predict** which style will carry over worst: the one with small strokes, with large flat areas, or with dark outlines?

# %% name="guess_grid"
page.predict(
    "grid",
    "Which style will carry over worst?",
    ["the one with small strokes", "the one with large flat areas", "the one with dark outlines"],
)

# %% name="grid"
contents, styles = ("china", "rocket"), ("brushstrokes", "woodblock", "stained-glass")
opened = {name: images.open_image(name, size=SMALL) for name in contents + styles}
live, painted_pairs = page.Live("Two landmarks in three styles", steps=6 * QUICK), {}
for content in contents:
    for style in styles:
        pair = sl.to_tensor(opened[content]), sl.to_tensor(opened[style])
        for step in sl.optimise(pair[0], smooth(transfer_loss(*pair, 1.0, BETA), 4), steps=QUICK):
            live.show(step)
        painted_pairs[content, style] = step.image
rows, columns = ({name: opened[name] for name in names} for names in (contents, styles))
live.finish(
    plots.pair_grid(rows, columns, painted_pairs),
    "A grid: a pagoda and a rocket, each with the style of brush strokes, woodblock and stained glass.",
)

# %% [markdown] name="studio_text"
# <details><summary>Compare with your guess</summary>
#
# The woodblock, with its large flat areas: its colours arrive, but areas and waves break into short marks, because no layer up to conv3_1 sees more than 24 pixels. Dark outlines are thin, and carry over best.
#
# </details>
#
# ## 4.10 Three prices, side by side
#
# To feel the prices first, move $\alpha$ and $\beta$ while an image is being painted: [step by step, in a browser]({{try_it}}).
#
# The studio is the loop of 4.5 with buttons. Its slider $\beta / \alpha$ multiplies the recipe's own ratio. Paint the same pair at a tenth of it, at one and at ten times: the runs stay side by side, each with its losses, and *Before / after* shows what changed where. **Predict** whether ten times the price makes the style loss ten times smaller.

# %% name="guess_studio"
page.predict(
    "studio",
    "Does ten times the price make the style loss ten times smaller?",
    ["yes, about ten times", "no, it falls by more than that", "no, it falls by less than that"],
)

# %% name="studio"
from stylelab import studio

studio()

# %% [markdown] name="quiz_text"
# <details><summary>Compare with your guess</summary>
#
# It does not: the lower the style loss, the more content each further reduction costs.
#
# </details>
#
# ## Quiz
#
# Five questions, marked immediately. Without a kernel, unfold an answer to read the feedback on it.

# %% name="quiz"
page.quiz("04")

# %% [markdown] name="recap"
# ## What to remember
#
# 1. The Gram matrix sums over positions: it keeps which filters respond together and forgets where.
# 2. $J = \alpha J_{content} + \beta J_{style}$ is one number, and only $\beta / \alpha$ moves its minimum.
# 3. The encoder is frozen and the targets are fixed. The pixels learn, and the loop is yours.
# 4. Weights are prices, so a balance has to be computed from the losses. Shallow layers give colour, deep ones strokes; the start decides which low point is found; most of the work is done in the first steps.
# 5. Total variation makes noise cost something. Too high a price flattens the strokes.
#
# ## Going further
#
# - Paint your own pair: `sl.transfer("my-photo.jpg", "brushstrokes", recipe="gatys")` does all of this in one call, with the paper's layers and weights. Leave the recipe out, and the kit takes its own: lesson 6 explains its loss.
# - Swap `optimiser="lbfgs"` for `"adam"` in 4.5. How many steps does it need for the same loss?
# - `sl.load_encoder("random", ...)` has never seen an image. Use it in 4.1 and run everything again: which loss still works?
# - Write `gram_matrix` with `einsum`, and let the check say whether it agrees.
#
# ## References
#
# 1. L. Gatys, A. Ecker, M. Bethge, *Image style transfer using convolutional neural networks*, CVPR 2016. [Open access](https://openaccess.thecvf.com/content_cvpr_2016/html/Gatys_Image_Style_Transfer_CVPR_2016_paper.html): figure 4 of it is our 4.6, figure 6 our 4.7.
# 2. K. Simonyan, A. Zisserman, *Very deep convolutional networks for large-scale image recognition*, ICLR 2015. [arXiv:1409.1556](https://arxiv.org/abs/1409.1556): the encoder's layers.
# 3. Y. Li, N. Wang, J. Liu, X. Hou, *Demystifying neural style transfer*, IJCAI 2017. [arXiv:1701.01036](https://arxiv.org/abs/1701.01036): why matching Gram matrices matches distributions.
# 4. deeplearning.ai, *Art generation with neural style transfer*, in [Convolutional Neural Networks](https://www.coursera.org/learn/convolutional-neural-networks): the number in 4.3.
# 5. The five tutorials that this course builds on are listed in `stylelab recipes`, each with its source and how ours differs.
