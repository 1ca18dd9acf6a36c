# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] name="title"
# # 3 · Style is what survives shuffling
#
# {{badges}}
#
# This is the {{framework}} edition. The same lesson in {{other_framework}}: [03_style_reconstruction_{{other_module}}.ipynb](03_style_reconstruction_{{other_module}}.ipynb)
#
# **You will**
#
# 1. work out a Gram matrix by hand, then in code (exercise 3.1);
# 2. shuffle all positions of an activation, and say why its Gram matrix stays the same (two predictions, question 1 of the quiz);
# 3. compare two styles by one number, even when the images differ in size (exercise 3.2, questions 2 and 3);
# 4. say what that number measures: how unlike two clouds of points are (one prediction, question 4);
# 5. add up layers, and paint textures from conv1_1 alone to conv1_1 ... conv5_1 (exercise 3.3, three predictions, question 5).
#
# **Time** 45 minutes · **Needs** convolutions and activations · **Runs on** a laptop, in two to four minutes for all cells. Without a GPU, textures have 160 pixels and 60 steps each; with one, 320 pixels and 300 steps. The cells are the same.

# %% name="setup" tags=["torch"]
import os, sys

# {{colab}}

import numpy as np
import torch
import stylelab.torch as sl
from stylelab import images, page, plots
from stylelab.recipes import PAPER, scaled

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% name="setup" tags=["tensorflow"]
import os, sys

# {{colab}}

import numpy as np
import stylelab.tensorflow as sl
import tensorflow as tf
from stylelab import images, page, plots
from stylelab.recipes import PAPER, scaled

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% [markdown] name="pictures_text"
# ## 3.1 Which filters respond together?
#
# You would recognise any of these paintings from a corner, no matter which one. So what you recognise cannot be *where* things are.
#
# A frozen network, the **encoder**, looks for us. Each of its filters responds at every position. Yellow dabs make the yellow filter and the dab filter respond *together*. That is what we will count.

# %% name="pictures"
recipe = scaled("gatys", setting.preset)
SIZE, STEPS = recipe.size, max(12, recipe.steps * 3 // 5)
LAYERS = PAPER  # conv1_1, conv2_1, conv3_1, conv4_1, conv5_1, as in the paper

encoder = sl.load_encoder("auto", LAYERS, normalised=True)
paintings = {name: images.open_image(name, size=SIZE) for name in images.style_names()}
page.show(
    plots.side_by_side(paintings),
    alt="; ".join(images.alt(name) for name in paintings),
)

# %% [markdown] name="by_hand_text"
# ### One by hand
#
# Two filters, three positions. Filter 1 responds with 1, 2, 1; filter 2 with 0, 3, 0. In a table $F$ of $C$ filters by $HW$ positions, height times width, filter $i$ responds with $F_{ip}$ at position $p$. The **Gram matrix** is
#
# $$G = \frac{F F^T}{H W}, \qquad G_{ij} = \frac{1}{HW}\sum_{p} F_{ip} F_{jp}.$$
#
# **Predict.** Take paper and work out all four entries. $G_{12}$, say, is $(1 \cdot 0 + 2 \cdot 3 + 1 \cdot 0) / 3$.

# %% name="guess_by_hand"
page.predict("by_hand", "What is the entry of G for filter 2 with itself?", unit="")

# %% name="by_hand"
F = np.float32([[1, 2, 1], [0, 3, 0]])
filters, positions = ("filter 1", "filter 2"), ("position 1", "position 2", "position 3")
tables = {
    "F: how each filter responds": (F, filters, positions),
    "G: which respond together": (F @ F.T / F.shape[1], filters, filters),
}
page.show(
    plots.heat_maps(tables, "response (left), product (right)", number=".0f", width=2.8),
    alt="Two tables. F: filter 1 responds with 1, 2, 1, filter 2 with 0, 3, 0. G: two by two numbers.",
)

# %% [markdown] name="gram_text"
# <details><summary>Compare with your guess</summary>
#
# $G_{11} = (1 + 4 + 1) / 3 = 2$, $G_{12} = G_{21} = 6 / 3 = 2$ and $G_{22} = 9 / 3 = 3$.
#
# </details>
#
# On the diagonal is how strongly each filter responds: a mean of squares, never negative. Off the diagonal is how strongly two filters respond *together*; filter 1 with 2 is the same as filter 2 with 1, so $G$ is symmetric.
#
# ### Exercise 3.1 · the Gram matrix
#
# The encoder gives {{activation}}, not a table: flatten height and width, then multiply. Two or three lines. Keep the images of a batch apart. While it is missing or wrong, the cell below says why, and the lesson continues with stylelab's own function.

# %% name="gram_matrix" exercise="gram_matrix" tags=["torch"]
def gram_matrix(activation):
    """{{activation}} -> (B, C, C): F F^T / (H W) for each image.

    Useful: flatten, transpose, @."""
    raise NotImplementedError


# %% name="gram_matrix" exercise="gram_matrix" tags=["tensorflow"]
def gram_matrix(activation):
    """{{activation}} -> (B, C, C): F F^T / (H W) for each image.

    Useful: tf.reshape, tf.matmul with transpose_a=True."""
    raise NotImplementedError


# %% name="check_gram_matrix" check="gram_matrix"
gram_matrix = sl.check("gram_matrix", gram_matrix)

# %% [markdown] name="moved_text"
# Now move things. First, positions 1 and 2 swap for *both* filters, as if the painter had put the same dab somewhere else. Then for filter 2 *alone*. **Predict** both matrices.

# %% name="guess_moved"
page.predict(
    "moved",
    "Which entries of G change when filter 2 is moved alone?",
    ["none of them", "those on the diagonal", "those off the diagonal", "all four"],
)

# %% name="as_activation" tags=["torch"]
def as_activation(array):
    """An array (H, W, C) as the encoder would give it: {{activation}} with one image."""
    return torch.from_numpy(np.float32(array)).permute(2, 0, 1)[None].to(setting.device)


def as_table(gram):
    """The first image's Gram matrix (B, C, C) as an array (C, C)."""
    return gram[0].detach().cpu().numpy()


# %% name="as_activation" tags=["tensorflow"]
def as_activation(array):
    """An array (H, W, C) as the encoder would give it: {{activation}} with one image."""
    return tf.constant(np.float32(array))[None]


def as_table(gram):
    """The first image's Gram matrix (B, C, C) as an array (C, C)."""
    return gram[0].numpy()


# %% name="moved"
# NBVAL_CHECK_OUTPUT
def gram_of(table):
    """The Gram matrix of a table F (C, HW), by your function: one row of HW positions."""
    return as_table(gram_matrix(as_activation(table.T[None])))


both, one = F[:, [1, 0, 2]], np.stack([F[0], F[1, [1, 0, 2]]])
for name, table in {"as it is": F, "both moved": both, "filter 2 moved": one}.items():
    print(f"{name:<15}F = {table.astype(int).tolist()}  G = {gram_of(table).round(3).tolist()}")

# %% [markdown] name="shuffle_text"
# <details><summary>Compare with your guess</summary>
#
# With both moved together nothing changes, to the last digit: each entry is a sum over positions, and a sum does not depend on the order. With one filter moved alone, $G_{12}$ falls from 2 to 1: the two now meet at a weaker position. So a Gram matrix forgets *where*, and keeps *together with what*.
#
# </details>
#
# ## 3.2 What becomes of a shuffled painting?
#
# Now with the encoder: all positions of conv2_1 are shuffled like a pack of cards, in the same way for every filter. **Predict**: will you recognise the painting in the activation maps? Which digits of the Gram matrix change?

# %% name="guess_shuffle"
page.predict(
    "shuffle",
    "What becomes of the activation maps and of the Gram matrix?",
    [
        "the maps are noise, and the matrix is another one",
        "the maps are noise, and the matrix stays the same",
        "the painting is still there, and the matrix is another one",
        "the painting is still there, and the matrix stays the same",
    ],
)

# %% name="shuffle"
# NBVAL_CHECK_OUTPUT
painting = images.open_image("brushstrokes", size=128)
seen = sl.to_array(encoder(sl.to_tensor(painting, setting.device))["conv2_1"])  # (H, W, C)
order = np.random.default_rng(SEED).permutation(seen[..., 0].size)
shuffled = seen.reshape(order.size, -1)[order].reshape(seen.shape)
grams = [as_table(gram_matrix(as_activation(array))) for array in (seen, shuffled)]
for what, (before, after) in {"activation, position by position": (seen, shuffled), "Gram matrix": grams}.items():
    print(f"{what}: changed by {np.sum((before - after) ** 2) / np.sum(before**2):.2f} of its sum of squares")

# %% name="maps"
jumps = np.abs(np.diff(seen, axis=0)).mean((0, 1)) / (seen.std((0, 1)) + 1e-6)
smoothest = np.argsort(jumps)[:3]  # the three filters whose maps are the easiest to read
maps = {}
for when, array in {"as it is": seen, "shuffled": shuffled}.items():
    maps |= {f"filter {k}, {when}": (array[..., [k] * 3] / array[..., k].max()) ** 0.5 for k in smoothest}
page.show(
    plots.side_by_side(maps, columns=3),
    "Above: the activation maps of three filters, in grey. Below: the same three, shuffled.",
)

# %% name="grams_figure"
names = [""] * seen.shape[2]
tables = {"G, as it is": (grams[0], names, names), "G, shuffled": (grams[1], names, names)}
page.show(
    plots.heat_maps(tables, "filters respond together (no unit)", number="", log=True, width=2.9),
    alt="Two square patterns of coloured cells, symmetric about the diagonal.",
)

# %% [markdown] name="layer_loss_text"
# <details><summary>Compare with your guess</summary>
#
# No: the maps are noise. No digit of the Gram matrix has changed. A loss that compares activations position by position (lesson 2) sees a stranger; one that compares Gram matrices sees no difference.
#
# </details>
#
# Other layers: [shuffle them in a browser]({{try_it}}).
#
# ## 3.3 How far apart are two styles?
#
# Two paintings have the same style, for one layer, if their Gram matrices $G$ and $A$ are equal. The **style loss of a layer** with $C$ filters is how far they are from that, a mean over all pairs of filters $i$ and $j$:
#
# $$E = \frac{1}{C^2}\sum_{i,j} (G_{ij} - A_{ij})^2.$$
#
# ### Exercise 3.2 · one layer's style loss
#
# One line, with `gram_matrix`. The target is already a Gram matrix: it is computed once and kept.

# %% name="style_layer_loss" exercise="style_layer_loss"
def style_layer_loss(activation, target_gram):
    """{{activation}} and (B, C, C) -> scalar: the mean squared difference of the two Gram matrices."""
    raise NotImplementedError


# %% name="check_style_layer_loss" check="style_layer_loss"
style_layer_loss = sl.check("style_layer_loss", style_layer_loss)

# %% [markdown] name="halves_text"
# Cut each painting in two. The left half shows different things from the right, by the same hand. To make numbers comparable, we divide by the loss of an encoder that does not respond at all: 0 is the same style, and larger numbers mean less alike.
#
# **Predict** where in the table the small numbers are, and which two *different* paintings come closest.

# %% name="guess_halves"
page.predict(
    "halves",
    "Which two different paintings come closest?",
    [
        "pointillism and ceramic",
        "woodblock and stained-glass",
        "brushstrokes and fluid",
        "brushstrokes and woodblock",
    ],
)

# %% name="unlike"
def unlike(activation, target_gram):
    """The style loss of a layer as a share of what a silent encoder would pay."""
    return float(style_layer_loss(activation, target_gram) / style_layer_loss(0 * activation, target_gram))


def see(image, layer="conv3_1"):
    """An image's activation at one layer."""
    return encoder(sl.to_tensor(image, setting.device))[layer]


# %% name="halves"
left = {name: see(np.array_split(image, 2, axis=1)[0]) for name, image in paintings.items()}
right = {name: gram_matrix(see(np.array_split(image, 2, axis=1)[1])) for name, image in paintings.items()}
table = np.array([[unlike(activation, gram) for gram in right.values()] for activation in left.values()])
print(f"{np.sum(table.argmin(0) == range(len(table)))} of {len(table)} right halves find their own left half")
row, column = divmod(np.argmin(table + 9 * np.eye(len(table))), len(table))  # the diagonal put out of the way
print(f"closest of the rest: {[*left][row]} (left) and {[*right][column]} (right)")
tables = {"left halves (rows) by right halves": (table, [*left], [*right])}
page.show(
    plots.heat_maps(tables, "style loss at conv3_1 (share)", width=5.6, log=True),
    "A table of six by six numbers, left halves of the paintings by right halves.",
)

# %% [markdown] name="sizes_text"
# <details><summary>Compare with your guess</summary>
#
# On the diagonal: every right half finds its own left half. Of different paintings, brushstrokes and fluid come closest: both are long curved bands of blue, white and orange.
#
# </details>
#
# ## 3.4 May the images differ in size?
#
# $F F^T$ alone (`raw`) is a sum over positions, so a larger image has a larger one. Divided by $HW$ (`per_location`) it is a mean. Some divide by $C H W$ (`per_element`): that only changes what a layer with many filters costs compared with one with few.
#
# Take half a wall of tiles: the same style, half the positions. **Predict** its loss against the whole wall under `raw`. You can work it out: $G = A / 2$.

# %% name="guess_sizes"
page.predict("sizes", "What is the loss of half the wall against the whole wall under `raw`?", unit="")

# %% name="sizes"
# NBVAL_CHECK_OUTPUT
wall, other = (images.open_image(name, size=96) for name in ("ceramic", "woodblock"))
stranger = images.fit(other, wall.shape[:2])
tried = {"half of it": wall[:, :48], "a copy at half its size": images.resize(wall, 48), "a stranger": stranger}
for normalisation in ("raw", "per_location", "per_element"):
    target, *grams = (sl.gram_matrix(see(image, "conv2_1"), normalisation) for image in (wall, *tried.values()))
    shares = [float(sl.content_loss(gram, target) / sl.content_loss(0 * target, target)) for gram in grams]
    found = [f"{name} {share:.2f}" for name, share in zip(tried, shares, strict=True)]
    print(f"{normalisation:<13}" + ", ".join(found))

# %% [markdown] name="cloud_text"
# <details><summary>Compare with your guess</summary>
#
# Under `raw`, half the wall is $(1 - \frac12)^2 = 0.25$ away from the whole, as if it were another style. Divided by the number of positions, it is itself again: only then can images of two sizes be compared. A copy at *half its size* is another matter: its lines are thinner, other filters respond, and no division can fix that.
#
# </details>
#
# ## 3.5 What does the number measure?
#
# At each position the encoder gives $C$ numbers: a point in a space of $C$ dimensions. So an image is a *cloud* of $HW$ points, and shuffling leaves its cloud as it is. With two filters the space is flat, and we can draw it.

# %% name="clouds"
first, _, second = smoothest
clouds = {}
for name in ("brushstrokes", "stained-glass"):
    points = sl.to_array(see(images.open_image(name, size=128), "conv2_1"))
    x, y = points[..., first].ravel(), points[..., second].ravel()
    clouds[f"{name}: mean of x y is {np.mean(x * y):.2f}"] = x, y
page.show(
    plots.clouds(clouds, f"x: response of filter {first}", f"y: response of filter {second}"),
    "Two clouds of points. Brush strokes: most lie on the axes. Stained glass: many lie between them.",
)

# %% [markdown] name="cloud_steps_text"
# ### From points to a distance
#
# In stained glass both filters often respond *together*, between the axes, so the mean of $x y$ is larger. That mean is their entry of the Gram matrix. How far apart are two such clouds, $f$ and $a$, in all $C$ dimensions?
#
# 1. Call two points $u$ and $v$ *alike* by $k(u, v) = (u \cdot v)^2$, the square of their scalar product: 0 at a right angle, large for long arrows in one direction.
# 2. Take the mean over all pairs with one point from each cloud: $\overline{k}_{fa}$. Within one cloud: $\overline{k}_{ff}$ and $\overline{k}_{aa}$.
# 3. For equal clouds all three means are equal, so this is 0:
#
# $$D = \overline{k}_{ff} + \overline{k}_{aa} - 2\,\overline{k}_{fa}.$$
#
# ### Why that is the style loss
#
# Multiplied out, $(u \cdot v)^2 = \sum_{ij} u_i u_j\, v_i v_j$. The mean of $u_i u_j$ over a cloud is the entry of its Gram matrix, $G_{ij}$ of $f$ and $A_{ij}$ of $a$. So $\overline{k}_{fa} = \sum_{ij} G_{ij} A_{ij}$, the other two are sums of squares, and
#
# $$D = \sum_{ij} (G_{ij} - A_{ij})^2 = C^2 E.$$
#
# $D$ is known as the squared **maximum mean discrepancy** (reference 2). **Predict**: can two different clouds be at distance 0?

# %% name="guess_cloud"
page.predict("cloud", "Can two different clouds be at distance 0?", ["no, never", "yes, they can"])

# %% name="cloud"
# NBVAL_CHECK_OUTPUT
def mean_kernel(u, v):
    """The mean of (u . v)^2 over all pairs of points, one from each table (C, HW)."""
    return np.mean((u.T @ v) ** 2)


peak, flat = np.float32([[0, 0, 0, 4]]), np.float32([[2, 2, 2, 2]])
for name, f, a in (("as it is, filter 2 moved", F, one), ("one peak, flat", peak, flat)):
    by_gram = np.sum((gram_of(f) - gram_of(a)) ** 2)
    by_kernel = mean_kernel(f, f) + mean_kernel(a, a) - 2 * mean_kernel(f, a)
    print(f"{name}: by Gram matrices {by_gram:.3f}, by pairs of points {by_kernel:.3f}")

# %% [markdown] name="layers_text"
# <details><summary>Compare with your guess</summary>
#
# They can: the responses 0, 0, 0, 4 and 2, 2, 2, 2 have the same mean square, and $k$ looks at nothing else.
#
# </details>
#
# One layer is easily fooled, so we use several.
#
# ## 3.6 Several layers, one number
#
# The **style loss** adds the losses $E_l$ of all layers $l$, each with a weight $w_l$:
#
# $$J_{style} = \sum_l w_l\, E_l.$$
#
# conv1_1 sees 3 pixels at a time: colours, dots. Each pooling widens the view: conv3_1 sees 24 pixels, conv5_1 more than a hundred. So each layer describes a style at its own scale.
#
# ### Exercise 3.3 · the style loss
#
# One to three lines. All three arguments are dictionaries; the layer names say what belongs together.

# %% name="style_loss" exercise="style_loss"
def style_loss(activations, target_grams, weights):
    """Three dicts, layer -> activation, target Gram matrix, weight -> scalar: sum of weight x style_layer_loss."""
    raise NotImplementedError


# %% name="check_style_loss" check="style_loss"
style_loss = sl.check("style_loss", style_loss)

# %% [markdown] name="texture_text"
# ## 3.7 Paint nothing but style
#
# Start from faint noise, freeze the encoder, and let an optimiser move the *pixels* until $J_{style}$ is small. There is no content loss: what appears is everything that the Gram matrices know.
#
# A layer's weight is a price. The entries of one layer's Gram matrix may be ten times those of another's, so each layer is priced by what it costs when the encoder is silent: then they all count the same. (The factor of $10^5$ does not move the minimum. It only keeps the optimiser's first steps from being tiny.)

# %% name="texture_loss"
def targets_of(painting):
    """The painting's Gram matrices, and a price for each layer at which they all count the same."""
    seen = encoder(sl.to_tensor(painting, setting.device))
    grams = {layer: gram_matrix(activation) for layer, activation in seen.items()}
    return grams, {layer: 1e5 / float(style_layer_loss(0 * seen[layer], grams[layer])) for layer in LAYERS}


def texture_loss(grams, weights):
    """A function: image -> its style loss over the layers that have a weight."""
    network = sl.load_encoder("auto", tuple(weights), normalised=True)  # ends at the deepest of them
    wanted = {layer: grams[layer] for layer in weights}
    return lambda image: style_loss(network(image), wanted, weights)


# %% [markdown] name="run_text"
# ## 3.8 From colours to strokes
#
# Now the upper row of the paper's figure 1: five textures from the same noise, each with one more layer. **Predict** from which layer on you see brush strokes, and whether the hills will be at the bottom again.

# %% name="guess_run"
page.predict(
    "run", "From which layer on do you see brush strokes?", ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]
)

# %% name="run"
def grow(painting, live):
    """Textures from the same noise, with one more layer each time, and the share of the loss that is left."""
    grams, prices = targets_of(painting)
    noise = np.random.default_rng(SEED).uniform(0.4, 0.6, painting.shape)
    painted, fallen = {}, []
    for count, deepest in enumerate(LAYERS, 1):
        loss = texture_loss(grams, {layer: prices[layer] for layer in LAYERS[:count]})
        losses = []
        for step in sl.optimise(sl.to_tensor(noise, setting.device), loss, steps=STEPS):
            live.show(step)
            losses.append(step.loss)
        painted[deepest if count == 1 else f"to {deepest}"] = step.image
        fallen.append(losses[-1] / losses[0])
    return painted, fallen


# %% name="row"
def centre(painting, side=SIZE * 5 // 8):
    """A square from the middle."""
    top, first = ((length - side) // 2 for length in painting.shape[:2])
    return painting[top : top + side, first : first + side]


strokes = centre(paintings["brushstrokes"])
live = page.Live("A texture of brush strokes, growing out of noise", steps=len(LAYERS) * STEPS)
textures, fallen = grow(strokes, live)
live.finish(
    plots.side_by_side({"painting": strokes, **textures}),
    "The painting, then five textures, from conv1_1 alone to all five layers.",
)

# %% [markdown] name="measure_text"
# <details><summary>Compare with your guess</summary>
#
# The hills do not come back, because a Gram matrix has no word for "bottom". conv1_1 alone gives blots of colour. Strokes appear with conv2_1, and conv3_1 adds little that one can see; with the deep layers strokes lie side by side in larger patches.
#
# </details>
#
# ## 3.9 Does every layer get what it asks for?
#
# Every texture can be tested at *every* layer, including those that had no say in it. **Predict** what this table looks like above its diagonal.

# %% name="guess_measure"
page.predict(
    "measure",
    "What is in the table above its diagonal?",
    ["zeros", "numbers as small as on it", "larger numbers", "smaller numbers"],
)

# %% name="measure"
grams, _ = targets_of(strokes)
seen = {name: encoder(sl.to_tensor(image, setting.device)) for name, image in textures.items()}
losses = [[unlike(seen[name][layer], grams[layer]) for layer in LAYERS] for name in textures]
print(f"the loss is {max(fallen):.2%} of the first, or less, for each of the five")
tables = {"textures (rows), tested at each layer": (losses, [*textures], LAYERS)}
page.show(
    plots.heat_maps(tables, "style loss (share)", number=".1%", log=True, width=5.6),
    "A table of five textures by five layers.",
)

# %% [markdown] name="second_text"
# <details><summary>Compare with your guess</summary>
#
# Larger numbers. A layer in the sum is matched; one that is left out is missed, often by ten times as much. Matching conv1_1 gives the right colours, and says nothing about strokes.
#
# </details>
#
# ## 3.10 A style with outlines
#
# Once more with stained glass. **Predict** at which layer the lead between the panes closes into cells, and whether the sun comes back.

# %% name="guess_second"
page.predict(
    "second",
    "At which layer does the lead between the panes close into cells?",
    ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"],
)

# %% name="second"
panes = centre(paintings["stained-glass"])
live = page.Live("A texture of stained glass, growing out of noise", steps=len(LAYERS) * STEPS)
glass, _ = grow(panes, live)
live.finish(
    plots.side_by_side({"painting": panes, **glass}),
    "The window, then five textures, from conv1_1 alone to all five layers.",
)

# %% [markdown] name="try_text"
# <details><summary>Compare with your guess</summary>
#
# At conv2_1: there a filter sees a line with both of its sides, where conv1_1 leaves short dark pieces between dots. Deeper layers make the panes larger. The sun is one thing in one position, so it does not come back.
#
# </details>
#
# ## 3.11 Your prices
#
# **Try it.** Five sliders, the prices of the five layers, as factors. Move one: the last texture changes from where it is, before your eyes. Turn conv1_1 down: what happens to the colours? Turn all deep ones down: what is left? Without a kernel you see where the sliders start.

# %% name="try_it"
grown = sl.to_tensor(glass[f"to {LAYERS[-1]}"], setting.device)
grams, prices = targets_of(panes)


def paint(**factors):
    """A few more steps from the last image, at other prices."""
    global grown
    loss = texture_loss(grams, {layer: factors[layer] * prices[layer] for layer in LAYERS})
    for step in sl.optimise(grown, loss, steps=10):
        yield step
    grown = sl.to_tensor(step.image, setting.device)


knobs = {layer: (0.001, 1000, 1) for layer in LAYERS}  # lowest, highest, first
page.try_it(paint, sl.to_image(grown), "A texture of stained glass from all five layers", knobs)

# %% [markdown] name="quiz_text"
# ## Quiz
#
# Five questions, marked immediately. Without a kernel, unfold an answer to read the feedback on it.

# %% name="quiz"
page.quiz("03")

# %% [markdown] name="recap"
# ## What to remember
#
# 1. $G = F F^T / (HW)$: filters by filters, symmetric. The diagonal says how much a filter responds, the rest how much two respond together.
# 2. Each entry is a sum over positions, so the order of positions is forgotten. Moving one filter alone is noticed: what occurs *together* is the style.
# 3. One layer's style loss is the mean of $(G - A)^2$. Only after division by the number of positions can images of two sizes be compared, and a smaller copy is still another style.
# 4. It is a distance between two clouds of points that looks at second moments: equal Gram matrices do not mean equal images.
# 5. A layer in the sum is matched, one left out is not. Shallow layers bring colours, deep ones longer strokes; where things were never comes back.
#
# ## Going further
#
# - Make a texture from conv4_1 alone: `texture_loss(grams, {"conv4_1": prices["conv4_1"]})`. What is missing?
# - Replace `"auto"` by `"random"` in both cells and run everything again. How much of a style does an untrained network know?
# - Start from a photograph instead of noise. Lesson 4 adds a second loss that keeps it recognisable.
# - Subtract each filter's mean before multiplying. That is a covariance: what does the texture lose?
#
# ## References
#
# 1. L. Gatys, A. Ecker, M. Bethge, *Image style transfer using convolutional neural networks*, CVPR 2016. [Open access](https://openaccess.thecvf.com/content_cvpr_2016/html/Gatys_Image_Style_Transfer_CVPR_2016_paper.html): equations 3 to 5, and the upper row of figure 1, our 3.8.
# 2. Y. Li, N. Wang, J. Liu, X. Hou, *Demystifying neural style transfer*, IJCAI 2017. [arXiv:1701.01036](https://arxiv.org/abs/1701.01036): the Gram loss as a maximum mean discrepancy, our 3.5.
# 3. L. Gatys, A. Ecker, M. Bethge, *Texture synthesis using convolutional neural networks*, NeurIPS 2015. [arXiv:1505.07376](https://arxiv.org/abs/1505.07376): where the Gram matrix comes from, and filters scaled to a mean of 1.
# 4. A. Gretton and others, *A kernel two-sample test*, JMLR 2012. [Open access](https://jmlr.org/papers/v13/gretton12a.html): the distance between two clouds.
# 5. K. Simonyan, A. Zisserman, *Very deep convolutional networks for large-scale image recognition*, ICLR 2015. [arXiv:1409.1556](https://arxiv.org/abs/1409.1556): the encoder's layers.
