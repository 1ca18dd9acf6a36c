# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] name="title"
# # 6 · Every style loss is a distance between two clouds of points
#
# {{badges}}
#
# This is the {{framework}} edition. The same lesson in {{other_framework}}: [06_clouds_of_points_{{other_module}}.ipynb](06_clouds_of_points_{{other_module}}.ipynb)
#
# **You will**
#
# 1. measure two clouds with a kernel, and show that the Gram loss does exactly that (exercise 6.1, two predictions, question 1);
# 2. see what a Gram matrix confuses, and keep mean and covariance apart (exercise 6.2, question 2);
# 3. measure the work of moving one cloud onto the other (exercise 6.3), also by sorting (exercise 6.4, question 3);
# 4. say of nine losses what each is blind to (two predictions, questions 4 and 5);
# 5. paint with them, and choose without knowing which is which (one prediction).
#
# **Time** 60 minutes · **Needs** Gram matrix and style loss (lesson 3 or 4) · **Runs on** a laptop, in three to five minutes for all cells. Without a GPU, images have 160 pixels and runs 40 steps; with one, 320 pixels and 200 steps. The cells are the same.

# %% name="setup" tags=["torch"]
import os, sys
from dataclasses import replace

# {{colab}}

import numpy as np
import torch
import stylelab.torch as sl
from stylelab import images, page, plots, recipes

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% name="setup" tags=["tensorflow"]
import os, sys
from dataclasses import replace

# {{colab}}

import numpy as np
import stylelab.tensorflow as sl
import tensorflow as tf
from stylelab import images, page, plots, recipes

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% [markdown] name="impostors_text"
# ## 6.1 Who looks like the style?
#
# At each position an encoder gives $C$ numbers, one for each filter: a point in a space of $C$ dimensions. So an image is a *cloud* of $M$ points. A style loss asks how far the cloud of the image being painted is from the cloud of the style image. Where in the image a point came from is forgotten.
#
# With two filters we can draw clouds. Here is one that stands for a style, a bent band, and five impostors. Each has *something* in common with it.

# %% name="as_activation" tags=["torch"]
def as_activation(cloud):
    """Points (M, C) as the encoder would give them: {{activation}}, one image in one row."""
    return torch.from_numpy(np.float32(cloud)).T[None, :, None].to(setting.device)


def two_filters(image):
    """The first two channels of an image: a cloud that `optimise` can move."""
    return image[:, :2]


def lines(activation, count=32):
    """Random directions (count, C) among an activation's filters, each of length 1."""
    rows = np.random.default_rng(SEED).normal(size=(count, activation.shape[1]))
    return torch.from_numpy(np.float32(rows / np.linalg.norm(rows, axis=1, keepdims=True))).to(activation)

# %% name="as_activation" tags=["tensorflow"]
def as_activation(cloud):
    """Points (M, C) as the encoder would give them: {{activation}}, one image in one row."""
    return tf.constant(np.float32(cloud))[None, None]


def two_filters(image):
    """The first two channels of an image: a cloud that `optimise` can move."""
    return image[..., :2]


def lines(activation, count=32):
    """Random directions (count, C) among an activation's filters, each of length 1."""
    rows = np.random.default_rng(SEED).normal(size=(count, activation.shape[-1]))
    return tf.constant(np.float32(rows / np.linalg.norm(rows, axis=1, keepdims=True)))

# %% name="impostors"
M, rng = 300, np.random.default_rng(SEED)
along, up = rng.uniform(0, 0.5, (M, 1)), rng.random((M, 1)) < 0.5
band = 0.3 + along * np.where(up, (0.1, 1), (1, 0.1)) + rng.normal(0, 0.015, (M, 2))
mean, moments = band.mean(0), band.T @ band / M
angle = np.arange(M) * 2 * np.pi / M
circle = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], 1)  # mean 0, covariance 1
impostors = {
    "one dot": np.tile(mean, (M, 1)),
    "filter 2 shuffled": np.stack([band[:, 0], rng.permutation(band[:, 1])], 1),
    "two dots": np.repeat(np.sqrt(2) * np.linalg.cholesky(moments).T, M // 2, axis=0),
    "ring": mean + circle @ np.linalg.cholesky(np.cov(band.T, bias=True)).T,
    "only the ends": rng.permutation(np.repeat(band[np.abs(along[:, 0] - 0.25) > 0.2], 5, axis=0))[:M],
}

# %% name="draw"
LABELS = "response of filter 1", "response of filter 2"
page.show(
    plots.clouds({name: cloud.T for name, cloud in impostors.items()}, *LABELS, behind=band.T),
    "Five clouds, each in front of the style's bent band: a dot, a square, two dots, a ring, three clumps.",
)

# %% [markdown] name="kernel_text"
# ## 6.2 What does "apart" mean?
#
# Describe each point $u$ by some features $\varphi(u)$. Take their mean over each cloud, and compare the two means:
#
# $$D = \left| \overline{\varphi(x)} - \overline{\varphi(y)} \right|^2.$$
#
# Multiplied out, features occur only in products $k(u, v) = \varphi(u) \cdot \varphi(v)$, called the **kernel**. Its means over all pairs, within a cloud or across, are enough:
#
# $$D = \overline{k}_{xx} + \overline{k}_{yy} - 2\,\overline{k}_{xy}.$$
#
# This is the squared **maximum mean discrepancy**, MMD. We never need $\varphi$ itself, so it may be endless. Each kernel is a style loss:
#
# | kernel | $k(u, v)$ | features |
# |---|---|---|
# | linear | $u \cdot v$ | the responses |
# | polynomial | $(u \cdot v + c)^2$ | their products; for $c > 0$ the responses too |
# | Gaussian | $\exp(-\gamma \lvert u - v \rvert^2)$ | endlessly many |

# %% [markdown] name="mmd_text"
# ### Exercise 6.1 · the maximum mean discrepancy
#
# Make a table $(M, C)$ of each activation, call `kernel` three times, and take three means. Pairs of a point with itself count too. Four lines. While an answer is missing or wrong, its check says why, and the lesson continues with stylelab's own function.

# %% name="mmd" exercise="mmd"
def mmd(activation, target, kernel):
    """Two {{activation}} of one image each, and a kernel -> scalar: the squared maximum mean discrepancy.

    `kernel(u, v)` takes two clouds, (M, C) and (N, C), and gives k for every pair, (M, N)."""
    raise NotImplementedError


# %% name="check_mmd" check="mmd"
mmd = sl.check("mmd", mmd)

# %% [markdown] name="kernels_text"
# Now all three, on the five impostors. **Predict**: which kernels notice the ring? Which notice the two dots? Think of how the cell in 6.1 made them.

# %% name="guess_discrepancies"
page.predict(
    "discrepancies",
    "Which kernels notice the ring?",
    ["all three", "only the Gaussian one", "only the polynomial one", "the polynomial and the Gaussian one"],
)

# %% name="kernels" tags=["torch"]
def gaussian(u, v, gamma=20.0):
    squares = (u**2).sum(-1)[..., :, None] + (v**2).sum(-1)[..., None, :] - 2 * u @ v.mT
    return torch.exp(-gamma * squares)


KERNELS = {
    "linear": lambda u, v: u @ v.mT,
    "polynomial": lambda u, v: (u @ v.mT) ** 2,
    "Gaussian": gaussian,
}

# %% name="kernels" tags=["tensorflow"]
def gaussian(u, v, gamma=20.0):
    squares = tf.reduce_sum(u**2, -1)[..., :, None] + tf.reduce_sum(v**2, -1)[..., None, :]
    return tf.exp(-gamma * (squares - 2 * tf.matmul(u, v, transpose_b=True)))


KERNELS = {
    "linear": lambda u, v: tf.matmul(u, v, transpose_b=True),
    "polynomial": lambda u, v: tf.matmul(u, v, transpose_b=True) ** 2,
    "Gaussian": gaussian,
}

# %% name="discrepancies"
# NBVAL_CHECK_OUTPUT
style = as_activation(band)
for name, cloud in impostors.items():
    found = {kernel: float(mmd(as_activation(cloud), style, k)) for kernel, k in KERNELS.items()}
    noticed = [kernel for kernel, value in found.items() if value > 1e-4]
    print(f"{name} is noticed by {len(noticed)} of 3: {', '.join(noticed)}")

# %% [markdown] name="gatys_text"
# <details><summary>Compare with your guess</summary>
#
# Only the Gaussian notices the ring: its features are endless, so no other cloud has the same means. The two dots have another mean, which the linear kernel sees, but not the polynomial one with $c = 0$.
#
# </details>
#
# ## 6.3 The Gram loss is one of them
#
# With $c = 0$, $(u \cdot v)^2 = \sum_{ij} u_i u_j\, v_i v_j$: the features are all products of two responses. Their means over a cloud are the entries of its Gram matrix, $G$ per position. So $D = \sum_{ij} (G_{ij} - A_{ij})^2$. The paper by Gatys and others divides raw Gram matrices, $M$ times as large, differently:
#
# $$E = \frac{1}{4 C^2 M^2} \sum_{ij} (M G_{ij} - M A_{ij})^2 = \frac{D}{4 C^2}.$$
#
# So every style loss in the first six lessons is an MMD. **Predict** the factor $D / E$ for our two filters, and for the 64 of VGG's conv1_1.

# %% name="guess_gatys"
page.predict("gatys", "What is D / E for two filters?", unit="")

# %% name="gatys"
# NBVAL_CHECK_OUTPUT
for filters in (2, 64):
    x, y = (as_activation(rng.random((50, filters))) for rng in map(np.random.default_rng, (1, 2)))
    by_pairs = float(mmd(x, y, KERNELS["polynomial"]))
    by_gram = float(sl.style_layer_loss(x, sl.gram_matrix(y, "raw"), "gatys"))
    print(f"C = {filters}: D / E = {by_pairs / by_gram:.0f}")

# %% [markdown] name="risser_text"
# <details><summary>Compare with your guess</summary>
#
# $4 C^2$: 16, and 16384.
#
# </details>
#
# ## 6.4 What does a Gram matrix confuse?
#
# Take a single filter. In one image it responds with $1/\sqrt2$ everywhere, in another with 0 at half of the positions and 1 at the others. **Predict** the Gram matrix of each: with one filter it is one number.

# %% name="guess_risser"
page.predict("risser", "What is the Gram matrix of the image that responds with 0 and 1?", unit="")

# %% name="risser"
# NBVAL_CHECK_OUTPUT
even, board = np.full((8, 8), np.sqrt(0.5)), np.indices((8, 8)).sum(0) % 2.0
for name, response in {"even": even, "board": board}.items():
    gram, mean, spread = np.mean(response**2), response.mean(), response.std()
    print(f"{name}: Gram {gram:.2f}, mean {mean:.2f}, standard deviation {spread:.2f}")
greys = {"even": even, "board": board}
page.show(
    plots.side_by_side({name: np.repeat(grey[..., None], 3, 2) for name, grey in greys.items()}, width=1.6),
    "A grey square, and a chessboard.",
)

# %% [markdown] name="mean_covariance_text"
# <details><summary>Compare with your guess</summary>
#
# Both are $\frac12$. A mean square is the square of the mean *plus* the variance, and a Gram matrix holds only the sum:
#
# $$G = \Sigma + \mu \mu^T,$$
#
# with the mean $\mu$ and the covariance $\Sigma$. So a run may pay for too little contrast with too much brightness.
#
# </details>
#
# The cure is to compare the two separately.
#
# ### Exercise 6.2 · mean and covariance
#
# Add up the squared differences of all entries, of the means and of the covariances. Covariances are divided by the number of positions $M$. Five lines.

# %% name="mean_covariance" exercise="mean_covariance"
def mean_covariance(activation, target):
    """Two {{activation}} of one image each -> scalar: |mu - nu|^2 + |Sigma - T|^2, summed over all entries."""
    raise NotImplementedError


# %% name="check_mean_covariance" check="mean_covariance"
mean_covariance = sl.check("mean_covariance", mean_covariance)

# %% [markdown] name="wasserstein_text"
# ## 6.5 How much work is it?
#
# Squared means and squared covariances have different units, so their sum is arbitrary. Here is a better question: how much *work* is it to move one cloud onto the other, if moving a point costs the square of the way? The cheapest plan's mean cost is the squared **Wasserstein distance**. Between two Gaussian clouds it has a formula. With $\mu, \Sigma$ of one and $\nu, T$ of the other,
#
# $$W^2 = |\mu - \nu|^2 + \mathrm{tr}\left(\Sigma + T - 2\,(T^{1/2}\, \Sigma\, T^{1/2})^{1/2}\right).$$
#
# In one dimension that is $(\mu - \nu)^2$ plus the squared difference of the standard deviations.
#
# ### Exercise 6.3 · the work between two Gaussians
#
# Ten lines. $T^{1/2}$ has the eigenvectors of $T$ and the roots of its eigenvalues. The trace of the last root needs only eigenvalues: it is the sum of their roots. One of them may be $-10^{-9}$, or 0, where a root has no slope: raise all to at least $10^{-12}$.

# %% name="wasserstein" exercise="wasserstein" tags=["torch"]
def wasserstein(activation, target):
    """Two {{activation}} of one image each -> scalar: the squared distance of the two Gaussians.

    Useful: torch.linalg.eigh, torch.linalg.eigvalsh, clamp, trace."""
    raise NotImplementedError


# %% name="wasserstein" exercise="wasserstein" tags=["tensorflow"]
def wasserstein(activation, target):
    """Two {{activation}} of one image each -> scalar: the squared distance of the two Gaussians.

    Useful: tf.linalg.eigh, tf.linalg.eigvalsh, tf.maximum, tf.linalg.trace."""
    raise NotImplementedError


# %% name="check_wasserstein" check="wasserstein"
wasserstein = sl.check("wasserstein", wasserstein)

# %% [markdown] name="work_text"
# **Predict** $W^2$ between the grey square and the chessboard of 6.4, from their means and deviations. And for which of the five impostors is it 0?

# %% name="guess_work"
page.predict(
    "work",
    "For which impostor is the squared Wasserstein distance 0?",
    ["one dot", "filter 2 shuffled", "two dots", "ring", "only the ends"],
)

# %% name="work"
# NBVAL_CHECK_OUTPUT
flat, squares = (as_activation(response.reshape(-1, 1)) for response in (even, board))
print(f"grey square and chessboard: {float(wasserstein(flat, squares)):.3f}")
for name, cloud in impostors.items():
    print(f"{name}: {abs(float(wasserstein(as_activation(cloud), as_activation(band)))):.3f}")

# %% [markdown] name="sliced_text"
# <details><summary>Compare with your guess</summary>
#
# $(0.707 - 0.5)^2 + (0 - 0.5)^2 = 0.293$. And 0 for the ring alone, which no mean and no covariance can tell from the style.
#
# </details>
#
# ## 6.6 Sort, and compare
#
# On a line the cheapest plan needs no formula and no Gaussian: the smallest number goes to the smallest, the next to the next. So project both clouds onto a line, sort, and take the mean squared difference; then average over many lines. That is the **sliced Wasserstein distance**. With the axes as lines it compares each filter's histogram; with lines in all directions it misses nothing.
#
# ### Exercise 6.4 · sort and compare
#
# Both clouds have the same number of points. Project, sort along each line, subtract, take the mean over everything. Four lines.

# %% name="sliced_wasserstein" exercise="sliced_wasserstein"
def sliced_wasserstein(activation, target, directions):
    """Two {{activation}} of one image each, unit vectors (n, C) -> scalar: the mean squared difference, sorted."""
    raise NotImplementedError


# %% name="check_sliced_wasserstein" check="sliced_wasserstein"
sliced_wasserstein = sl.check("sliced_wasserstein", sliced_wasserstein)

# %% [markdown] name="sorted_text"
# The figure shows projections of style and ring onto one line, sorted. The loss is the mean square of what lies between the curves. **Predict**: which impostor is at distance 0 along the two axes, and is it still along 32 lines?

# %% name="guess_sorted"
page.predict(
    "sorted",
    "Which impostor is at distance 0 along the two axes?",
    ["one dot", "filter 2 shuffled", "two dots", "ring", "only the ends"],
)

# %% name="sorted"
# NBVAL_CHECK_OUTPUT
style = as_activation(band)
for name, cloud in impostors.items():
    x = as_activation(cloud)
    axes, many = float(sl.histogram_loss(x, style)), float(sliced_wasserstein(x, style, lines(x)))
    print(f"{name:18}way along the axes {axes**0.5:.3f}, along 32 lines {many**0.5:.3f}")
share = (np.arange(M) + 0.5) / M
shown = {"style": band, "ring": impostors["ring"]}
curves = {name: (share, np.sort(cloud @ (0.8, 0.6))) for name, cloud in shown.items()}
page.show(
    plots.lines({"share of the points": curves}, "projection onto (0.8, 0.6)"),
    "Two rising curves, one for each of two clouds.",
)

# %% [markdown] name="table_text"
# <details><summary>Compare with your guess</summary>
#
# The one with filter 2 shuffled: each filter alone responds as often as before. Along other lines it is found out.
#
# </details>
#
# ## 6.7 What is each blind to?
#
# Nine losses, five impostors. Deviations are each filter's standard deviation. The ninth loss is new: each point looks for its **nearest neighbour** in the style's cloud, the one in the most similar direction from the centre, and pays for the angle. Who else has chosen that neighbour does not matter.
#
# Each row is divided by its largest number. **Predict** where the zeros are, row by row.

# %% name="guess_losses"
page.predict(
    "losses",
    "How many of the nine losses notice all five impostors?",
    ["not one of them", "two of them", "five of them", "eight of them"],
)

# %% name="losses"
LOSSES = {
    "means": lambda x, y: sl.mmd_loss(x, y, "linear"),
    "means, deviations": sl.batch_norm_loss,
    "Gram matrix": lambda x, y: sl.mmd_loss(x, y, "polynomial"),
    "mean, covariance": mean_covariance,
    "Wasserstein": wasserstein,
    "histograms": sl.histogram_loss,
    "sliced": lambda x, y: sliced_wasserstein(x, y, lines(x)),
    "Gaussian kernel": lambda x, y: sl.mmd_loss(x, y, "gaussian", samples=1024),
    "neighbours": sl.nearest_neighbour_loss,
}
clouds = [as_activation(cloud) for cloud in impostors.values()]
values = [[abs(float(loss(cloud, style))) for cloud in clouds] for loss in LOSSES.values()]
shares = {"losses (rows) by impostors": (values / np.max(values, 1, keepdims=True), [*LOSSES], [*impostors])}
page.show(plots.heat_maps(shares, "share of its row's largest", width=5.2), "Nine losses by five impostors.")

# %% [markdown] name="go_text"
# <details><summary>Compare with your guess</summary>
#
# Each loss sees what it was made for, and no more. Means miss three of the five, deviations one less. The Gram matrix is fooled by the two dots and the ring; mean and covariance, and the Wasserstein distance, by the ring alone; histograms by the shuffled filter; neighbours by the ends, since every point there occurs in the style. Sliced and Gaussian kernel miss nothing.
#
# </details>
#
# ## 6.8 Let the points go
#
# Blindness shows best in what a loss *makes*. A heap of points is set free eight times, and each time another loss says where they may go. **Predict** which losses draw the bent band, and what the others draw.

# %% name="guess_go"
page.predict(
    "go",
    "Which of these losses draws the bent band?",
    ["Gram matrix", "Wasserstein", "Gaussian kernel", "histograms"],
)

# %% name="go"
heap = np.concatenate([rng.normal(0.55, 0.08, (M, 2)), np.zeros((M, 1))], 1)  # points in the first two channels


def let_go(loss, steps=60):
    """Where a heap of points goes as the loss falls: x and y, (2, M)."""
    *_, last = sl.optimise(sl.to_tensor(heap[None]), lambda image: loss(two_filters(image), style), steps=steps)
    return last.image[0, :, :2].T


page.show(
    plots.clouds({name: let_go(LOSSES[name]) for name in list(LOSSES)[:8]}, *LABELS, behind=band.T),
    "Eight clouds, each in front of the style's bent band, moved there by one of eight losses.",
)

# %% [markdown] name="halves_text"
# <details><summary>Compare with your guess</summary>
#
# Sliced and the Gaussian kernel draw the band. Means only push the heap there, and leave it a heap. Deviations make it as wide and as high as the style; Gram matrix, covariance and Wasserstein also tilt it, into an ellipse. Histograms fill a square, with the right number in every column and every row.
#
# </details>
#
# ## 6.9 In the space of a layer
#
# Now real clouds, at conv3_1, in as many dimensions as it has filters. Six paintings are cut in two. **Predict**: how many right halves does each loss match to their own left half?

# %% name="guess_halves"
page.predict(
    "halves", "How many of the six right halves do the means alone match to their own left half?", unit=""
)

# %% name="halves"
recipe = recipes.scaled("gatys", setting.preset)
SIZE, STEPS = recipe.size * 5 // 8, max(12, recipe.steps * 2 // 5)
LAYERS = "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"
encoder = sl.load_encoder("auto", LAYERS, normalised=True)
paintings = [images.fit(images.open_image(name), (SIZE * 3 // 4, SIZE)) for name in images.style_names()]
cut = [[half for half in np.array_split(image, 2, axis=1)] for image in paintings]
seen = [[encoder(sl.to_tensor(half))["conv3_1"] for half in halves] for halves in zip(*cut, strict=True)]
for name, loss in LOSSES.items():
    table = np.array([[float(loss(left, right)) for right in seen[1]] for left in seen[0]])
    own, other = np.diag(table).mean(), table[~np.eye(len(table), dtype=bool)].mean()
    right = np.sum(table.argmin(0) == range(len(table)))
    print(f"{name:18}{right} of {len(table)} find their own; a stranger is {other / own:.1f} times as far")

# %% [markdown] name="textures_text"
# <details><summary>Compare with your guess</summary>
#
# All six, by every loss, even by means alone. In so many dimensions strangers are far apart, however one looks. But to recognise a style is not to make one.
#
# </details>
#
# ## 6.10 As textures
#
# Pixels instead of points: from the same noise, five of the losses, each at five layers. At each layer a loss is divided by its value at the start, so all layers count the same. **Predict** which of them paint strokes, and which get the amounts of colour right.

# %% name="guess_textures"
page.predict(
    "textures",
    "Which of the five losses paints the cleanest strokes?",
    ["means", "Gram matrix", "Wasserstein", "sliced", "neighbours"],
)

# %% name="style_of"
def style_of(target, loss, start):
    """A function: image -> its loss, a mean over the layers, each as a share of the loss at the start."""
    wanted, first = encoder(target), encoder(start)
    at_start = {layer: float(loss(first[layer], wanted[layer])) for layer in LAYERS}

    def value(image):
        shares = [loss(seen, wanted[layer]) / at_start[layer] for layer, seen in encoder(image).items()]
        return sum(shares) / len(shares)

    return value


# %% name="textures"
painting = images.open_image("brushstrokes", size=SIZE)[:, : SIZE * 3 // 4]
noise = sl.to_tensor(np.random.default_rng(SEED).uniform(0.4, 0.6, painting.shape))
shown = "means", "Gram matrix", "Wasserstein", "sliced", "neighbours"
textures, fallen = {"painting": painting}, {}
live = page.Live("A texture, growing out of noise", steps=len(shown) * STEPS)
for name in shown:
    losses = []
    for step in sl.optimise(noise, style_of(sl.to_tensor(painting), LOSSES[name], noise), steps=STEPS):
        live.show(step)
        losses.append(step.loss)
    textures[name], fallen[name] = step.image, losses[-1] / losses[0]
live.finish(plots.side_by_side(textures), "The painting, and five textures, each by one loss.")
for name, share in fallen.items():
    print(f"{name}: the loss is {share:.1%} of the first")

# %% [markdown] name="choose_text"
# <details><summary>Compare with your guess</summary>
#
# Means bring colours, in blots. The Gram matrix paints short strokes, Wasserstein longer and cleaner ones. Sliced sees everything, but these steps are few for it: it needs hundreds. Neighbours draw the cleanest strokes of all, as each point wants to be *one* of the painting's, in amounts that nobody checks: there is less green than in the painting.
#
# </details>
#
# ## 6.11 Which do you prefer?
#
# A photograph in stained glass, four times: the same layers, the same steps, the same content loss. Only the style loss differs. The images have letters, in an order that you do not know. Look first, choose, then read the names. No number can choose for you: by its own number, each loss is the best.

# %% name="choose"
rivals = {
    "Gram matrix": recipes.Gram("per_location"),
    "mean, covariance": recipes.MeanCovariance(),
    "Wasserstein": recipes.Wasserstein(),
    "sliced": recipes.Sliced(directions=32),
}
live, painted = page.Live("A pagoda, painted by one loss after another", steps=len(rivals) * STEPS), {}
for name, loss in rivals.items():
    recipe = replace(recipes.RECIPES["sliced"], style_loss=recipes.Relative(loss))
    options = dict(size=SIZE, steps=STEPS, watch=live.show)
    painted[name] = sl.transfer("china", "stained-glass", recipe=recipe, **options).image
live.finish(images.open_image("china", size=SIZE), images.alt("china"))
page.choose(painted, "The pagoda in stained glass, four times, under letters.", seed=SEED)

# %% [markdown] name="try_text"
# **Try it.** Paint the photograph with any of these losses, as a texture: there is no content loss, so it fades as the style comes in. Which losses leave speckle? Which paint lines that follow forms? Without a kernel you see the photograph.

# %% name="try_it"
photograph = images.open_image("china", size=SIZE)
glass = images.fit(images.open_image("stained-glass"), photograph.shape[:2])
image = start = sl.to_tensor(photograph)


def paint(loss, rate):
    """A few more steps of Adam from wherever the image is."""
    global image
    objective = style_of(sl.to_tensor(glass), LOSSES[loss], start)
    for step in sl.optimise(image, objective, optimiser=recipes.Optimiser("adam", rate), steps=10):
        yield step
    image = sl.to_tensor(step.image)


page.try_it(paint, photograph, images.alt("china"), {"loss": [*shown], "rate": (0.001, 0.1, 0.02)})

# %% [markdown] name="quiz_text"
# ## Quiz
#
# Five questions, marked immediately. Without a kernel, unfold an answer to read the feedback on it.

# %% name="quiz"
page.quiz("06")

# %% [markdown] name="recap"
# ## What to remember
#
# 1. An MMD compares two clouds' mean features by a kernel, in pairs. The Gram loss is the MMD of $(u \cdot v)^2$, divided by $4 C^2$.
# 2. $G = \Sigma + \mu\mu^T$: a Gram matrix confuses mean and spread. Compared apart, they cannot be traded.
# 3. The Wasserstein distance is the work of moving one cloud onto the other: a formula for Gaussians, sorting on a line.
# 4. Means see least; Gram, covariance and Wasserstein see second moments; histograms miss what goes together; sliced and Gaussian kernel see everything; neighbours do not count.
# 5. Losses that see more than a Gram matrix paint otherwise, at the same steps. Which is best is for your eyes.
#
# ## Going further
#
# - `stylelab`, the recipe that paints when you name none, is the Wasserstein distance at these five layers, from coarse to fine.
# - The kit has four more recipes of this kind: `mmd`, `wasserstein`, `sliced` and `nnst`. `stylelab recipes sliced` prints its layers; `stylelab losses` lists all losses with their cost.
# - Give the polynomial kernel $c = 1$ in 6.2. Which impostor is found out?
# - Choose blind once more with another painting and `seed=1`. Do you choose the same loss?
# - Draw an impostor that fools Wasserstein and histograms at once.
#
# ## References
#
# 1. Y. Li, N. Wang, J. Liu, X. Hou, *Demystifying neural style transfer*, IJCAI 2017. [arXiv:1701.01036](https://arxiv.org/abs/1701.01036): our 6.2 and 6.3.
# 2. A. Gretton and others, *A kernel two-sample test*, JMLR 2012. [Open access](https://jmlr.org/papers/v13/gretton12a.html).
# 3. E. Risser, P. Wilmot, C. Barnes, *Stable and controllable neural texture synthesis and style transfer using histogram losses*, 2017. [arXiv:1701.08893](https://arxiv.org/abs/1701.08893): our 6.4.
# 4. K. Crowson, [*style-transfer-pytorch*](https://github.com/crowsonkb/style-transfer-pytorch): a style loss by the work between Gaussians, our 6.5.
# 5. E. Heitz, K. Vanhoey, T. Chambon, L. Belcour, *A sliced Wasserstein loss for neural texture synthesis*, CVPR 2021. [arXiv:2006.07229](https://arxiv.org/abs/2006.07229): our 6.6.
# 6. N. Kolkin and others, *Neural neighbor style transfer*, 2022. [arXiv:2203.13215](https://arxiv.org/abs/2203.13215): the neighbours of 6.7.
