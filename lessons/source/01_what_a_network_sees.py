# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] name="title"
# # 1 · The deeper a filter, the more it cares how pixels are arranged
#
# {{badges}}
#
# This is the {{framework}} edition. The same lesson in {{other_framework}}: [01_what_a_network_sees_{{other_module}}.ipynb](01_what_a_network_sees_{{other_module}}.ipynb)
#
# **You will**
#
# 1. compute a convolution by hand, and say what the ReLU takes away (first prediction);
# 2. name any layer of the network, in four spellings (exercise 1.1);
# 3. compute how much of the image a layer sees, and measure that it is so (exercise 1.2);
# 4. take the gradient with respect to an image: it shows where a filter looks, and what it likes best (exercise 1.3);
# 5. tell learned filters from random ones, by eye and by a number (last two predictions).
#
# **Time** 45 minutes · **Needs** convolutions and gradients, seen once · **Runs on** a laptop, in two to four minutes for all cells. Without a GPU, images have 256 pixels; with one, 384, and favourite images are painted for longer. The cells are the same.

# %% name="setup" tags=["torch"]
import os, sys

# {{colab}}

import numpy as np
import torch
import stylelab.torch as sl
from stylelab import encoders, images, page, plots
from stylelab.recipes import Optimiser

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% name="setup" tags=["tensorflow"]
import os, sys

# {{colab}}

import numpy as np
import stylelab.tensorflow as sl
import tensorflow as tf
from stylelab import encoders, images, page, plots
from stylelab.recipes import Optimiser

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% [markdown] name="by_hand_text"
# ## 1.1 A filter is a question, asked everywhere
#
# A filter $k$ of 3 x 3 numbers, $k_{uv}$ in row $u$ and column $v$, is placed at every position of an image $x$; the products are summed with a number $b$, its **bias**, and a **ReLU** turns negative sums into 0:
#
# $$a_{ij} = \max\Big(0,\; b + \sum_{u=0}^{2} \sum_{v=0}^{2} k_{uv}\, x_{i+u,\,j+v}\Big).$$
#
# The sum is large where the image looks like the filter: it asks "is this here?", and its **activation map** $a$ holds the response $a_{ij}$ in row $i$, column $j$. Ours asks: is it darker on the left? The image is a bright bar, three pixels wide.
#
# **Predict.** A bar has two edges. How does the filter respond to each, before and after the ReLU?

# %% name="guess_by_hand"
page.predict(
    "by_hand",
    "How does the filter respond to the right edge of the bar, before and after the ReLU?",
    ["with 1, then 1", "with 0, then 0", "with -1, then 0", "with -1, then 1"],
)

# %% name="by_hand"
# NBVAL_CHECK_OUTPUT
def convolve(image, kernel):
    """The sum at every position that has all its neighbours: (H, W) -> (H - 2, W - 2)."""
    response = np.zeros((image.shape[0] - 2, image.shape[1] - 2))
    for row, column in np.ndindex(response.shape):
        response[row, column] = (kernel * image[row : row + 3, column : column + 3]).sum()
    return response


darker_left = np.array([[-1, 0, 1]] * 3) / 3
bar = np.array([[0, 0, 0, 1, 1, 1, 0, 0, 0]] * 5)
sums = convolve(bar, darker_left)
for name, row in {"image": bar[1, 1:-1], "sum": sums[0], "after ReLU": np.maximum(0, sums[0])}.items():
    print(f"{name:>10}", *(f"{value:3.0f}" for value in row))

# %% [markdown] name="edges_text"
# <details><summary>Compare with your guess</summary>
#
# The left edge gives 1, the right one -1, and the ReLU silences that. A filter knows one polarity; another has to ask for the other.
#
# </details>
#
# On a photograph, with three questions:

# %% name="edges"
SIZE, SIDE, STEPS = {"ci": (96, 32, 10), "cpu": (256, 64, 60), "full": (384, 96, 150)}[setting.preset]
photograph = images.open_image("cat", size=SIZE)
kernels = {"darker on the left": darker_left, "darker above": darker_left.T, "bright?": np.full((3, 3), 1 / 9)}
responses = {name: np.maximum(0, convolve(photograph.mean(-1), kernel)) for name, kernel in kernels.items()}
page.show(
    plots.image_rows({"": {"photograph": photograph, **responses}}),
    f"{images.alt('cat')}; its edges that are darker on the left, then above; the photograph, blurred.",
)

# %% [markdown] name="names_text"
# ## 1.2 Sixteen layers, and every library names them differently
#
# An **encoder** stacks such filters in layers: the next filters ask their questions of the maps below. Ours has the shape of VGG-19: five blocks of 2, 2, 4, 4 and 4 convolutions, and a **pooling** between blocks that halves height and width. In the papers, conv4_2 is the second convolution of block 4, and means the activation *after* its ReLU. Keras calls it block4_conv2, others relu4_2, and some simply count.
#
# ### Exercise 1.1 · layer names
#
# Turn any spelling into the paper's. Four to eight lines. While your answer is missing or wrong, the next cell says why and the lesson continues with stylelab's own function, so you are never stuck.

# %% name="layer_name" exercise="layer_name"
def layer_name(name):
    """'block4_conv2', 'relu4_2', 'conv4_2' -> 'conv4_2'; a whole number k -> the k-th convolution, 1 to 16.

    Useful: isinstance(name, int), str.isdigit on each letter, a list of the blocks' sizes."""
    raise NotImplementedError


# %% name="check_layer_name" check="layer_name"
layer_name = sl.check("layer_name", layer_name)

# %% [markdown] name="tutorials_text"
# Tutorials use these for content, each in its own spelling. **Predict** how many different layers they are.

# %% name="guess_tutorials"
page.predict("tutorials", "How many different layers are these six spellings?", unit="")

# %% name="tutorials"
# NBVAL_CHECK_OUTPUT
spellings = ["block5_conv2", "conv4_2", "relu4_2", "block4_conv2", 4, 10]
print({spelling: layer_name(spelling) for spelling in spellings})
print(f"{len({layer_name(spelling) for spelling in spellings})} different layers in {len(spellings)} spellings")

# %% [markdown] name="maps_text"
# <details><summary>Compare with your guess</summary>
#
# Three. Four of the spellings mean conv4_2; block5_conv2 is conv5_2, and the fourth convolution is conv2_2.
#
# </details>
#
# ## 1.3 What the maps look like, layer by layer
#
# Now to the encoder, with the first layer of each block. A layer has dozens or hundreds of filters; we look at the three whose responses vary most from position to position. White is a filter's strongest response, and the square root makes weak ones visible; grey values of two maps cannot be compared.
#
# **Predict.** Where will you still recognise the cat: at conv1_1, at conv3_1, at conv5_1?

# %% name="guess_maps"
page.predict(
    "maps",
    "How deep will you still recognise the cat?",
    ["at conv1_1 only", "at conv1_1, and in parts at conv3_1", "at all three layers"],
)

# %% name="maps"
LAYERS = [layer_name(f"block{block}_conv1") for block in range(1, 6)]
encoder, untrained = (sl.load_encoder(name, LAYERS, normalised=True) for name in ("auto", "random"))
seen = {layer: sl.to_array(activation) for layer, activation in encoder(sl.to_tensor(photograph)).items()}
rows = {}
for layer, maps in seen.items():  # maps: (H', W', filters)
    most_uneven = np.argsort(maps.std((0, 1)))[::-1][:3]
    rows[layer] = {f"filter {filter}": maps[..., filter] ** 0.5 for filter in most_uneven}
    print(f"{layer}: {maps.shape[2]} maps of {maps.shape[0]} x {maps.shape[1]}, {(maps == 0).mean():.0%} silent")
page.show(
    plots.image_rows(rows),
    "Five rows of three maps in grey, one row for each layer.",
)

# %% [markdown] name="field_text"
# <details><summary>Compare with your guess</summary>
#
# At conv1_1 the whole cat is there, at conv3_1 its eyes and stripes; at conv5_1 only patches are left. After four poolings, one position stands for 16 x 16 pixels. *Where* fades; what remains says *that* something is there.
#
# </details>
#
# ## 1.4 How much does one number see?
#
# One position of conv1_1 sees 3 x 3 pixels. A layer above it, with kernel 3, sees three such positions and so 5 x 5. That is its **receptive field** $r$. With the kernel $k_l$ and the stride $s_l$ of each layer $l$, from the image up:
#
# $$r = 1 + \sum_l (k_l - 1) \prod_{m < l} s_m .$$
#
# Each layer adds $k_l - 1$ steps, and a step is as wide as the strides of all layers $m$ *below* have made it.
#
# ### Exercise 1.2 · the receptive field
#
# Four lines: go through the list, and keep two numbers, the width and the step.

# %% name="receptive_field" exercise="receptive_field"
def receptive_field(layers):
    """[(kernel, stride), ...] from the image up -> the width of the last layer's field in pixels.

    A convolution of the encoder is (3, 1), a pooling is (2, 2)."""
    raise NotImplementedError


# %% name="check_receptive_field" check="receptive_field"
receptive_field = sl.check("receptive_field", receptive_field)

# %% [markdown] name="fields_text"
# **Predict.** conv2_1 sees 10 pixels. Is conv3_1, with one pooling more, at about 20, 25 or 50? And conv5_1?

# %% name="guess_fields"
page.predict("fields", "About how many pixels does conv3_1 see?", ["20", "25", "50"])

# %% name="fields"
# NBVAL_CHECK_OUTPUT
def way_to(layer):
    """(kernel, stride) of everything between the image and a layer."""
    pairs = []
    for name in encoders.trunk([layer]):
        pairs += [(3, 1), (2, 2)] if name in encoders.POOL_AFTER and name != layer else [(3, 1)]
    return pairs


fields = {layer: receptive_field(way_to(layer)) for layer in LAYERS}
steps = {layer: int(np.prod([stride for _, stride in way_to(layer)])) for layer in LAYERS}
for layer in LAYERS:
    print(f"{layer}: sees {fields[layer]} pixels, in steps of {steps[layer]}")

# %% name="squares"
eye = int(0.38 * photograph.shape[0]), int(0.385 * photograph.shape[1])
page.show(
    plots.squares(photograph, fields, eye),
    "The cat, with five squares round one eye, one for each layer.",
)

# %% [markdown] name="gradient_text"
# <details><summary>Compare with your guess</summary>
#
# conv3_1 sees 24 pixels, conv5_1 as many as 156. Each pooling doubles the step, so the fields grow faster and faster.
#
# </details>
#
# ## 1.5 The gradient says which pixels count
#
# We computed what a unit *may* see. The gradient tells us what it *does* see: $\partial a / \partial x$ is, for each pixel, how much the response $a$ changes when that pixel does. Training takes gradients with respect to filters; here the filters are frozen and the **image** is the unknown. Lessons 2 to 5 are all built on that.
#
# ### Exercise 1.3 · the gradient of an image
#
# Three lines. `loss(image, target)` gives a scalar. Leave `image` and `target` as they are.

# %% name="picture_gradient" exercise="picture_gradient" tags=["torch"]
def picture_gradient(image, target, loss):
    """d loss(image, target) / d image, {{image}} like the image.

    Useful: detach, clone, requires_grad_, torch.autograd.grad."""
    raise NotImplementedError


# %% name="picture_gradient" exercise="picture_gradient" tags=["tensorflow"]
def picture_gradient(image, target, loss):
    """d loss(image, target) / d image, {{image}} like the image.

    Useful: tf.GradientTape, tape.watch, tape.gradient."""
    raise NotImplementedError


# %% name="check_picture_gradient" check="picture_gradient"
picture_gradient = sl.check("picture_gradient", picture_gradient)

# %% [markdown] name="downhill_text"
# Try it where you know the answer. For an image $x$, a target $t$ and the loss $\frac12 \sum (x - t)^2$ the gradient is $x - t$. If we step half of it downhill, five times, **predict** how much of the loss is left.

# %% name="guess_downhill"
page.predict("downhill", "How much of the loss is left after five steps?", unit="%")

# %% name="downhill"
# NBVAL_CHECK_OUTPUT
def half_square(image, target):
    return sl.content_loss(image, target, "half_sum")


image, target = (sl.to_tensor(np.full((4, 5, 3), value)) for value in (0.2, 0.8))
gradient = sl.to_array(picture_gradient(image, target, half_square))
print("the gradient of each pixel:", np.unique(gradient.round(2)))
first = float(half_square(image, target))
for _ in range(5):
    image = image - 0.5 * picture_gradient(image, target, half_square)
print(f"the loss is {float(half_square(image, target)) / first:.1%} of the first")

# %% [markdown] name="measured_text"
# <details><summary>Compare with your guess</summary>
#
# A thousandth: half the distance is a quarter of the loss, and five steps leave $4^{-5}$.
#
# </details>
#
# Now the gradient of *one position* of a layer, all its filters together, on an image of noise. **Predict**: how many rows of pixels have a non-zero gradient?

# %% name="guess_measured"
page.predict(
    "measured",
    "How many rows of pixels have a non-zero gradient?",
    [
        "fewer than were computed for the receptive field",
        "exactly as many as were computed",
        "more than were computed",
        "all of them, the whole image",
    ],
)

# %% name="measured"
# NBVAL_CHECK_OUTPUT
def response(layer, filter=None, position=None):
    """A loss for `picture_gradient` that ignores its target: how strongly a layer responds."""
    return lambda image, _: sl.response(encoder(image)[layer], filter, position)


noise = sl.to_tensor(np.random.default_rng(SEED).uniform(size=(192, 192, 3)))
footprints = {}
for layer in LAYERS:
    middle = 96 // steps[layer]
    gradient = picture_gradient(noise, noise, response(layer, position=(middle, middle)))
    footprints[layer] = np.abs(sl.to_array(gradient)).sum(-1)  # (192, 192): over the three colours
    rows, columns = ((footprints[layer] > 0).any(axis).sum() for axis in (1, 0))
    print(f"{layer}: computed {fields[layer]}, measured {rows} x {columns}")

# %% name="footprints"
shown = {f"{layer}: {fields[layer]} pixels": np.sqrt(footprints[layer]) for layer in LAYERS}
page.show(
    plots.image_rows({"": shown}),
    "Five maps of the gradient, one for each layer, bright on black.",
)

# %% [markdown] name="where_text"
# <details><summary>Compare with your guess</summary>
#
# As many as were computed, to the pixel. But look at the larger squares: the middle counts far more than the rim, because more paths lead through it.
#
# </details>
#
# ## 1.6 Where does a filter look?
#
# The same gradient, this time of a filter's mean response to our photograph, marks the pixels it depends on. It is noisy, because reasons for and against cancel on their way back. **Guided backpropagation** keeps only the reasons *for*: at every ReLU, with $a$ its result and $g$ the gradient arriving from above,
#
# $$g \leftarrow g \cdot [a > 0] \cdot [g > 0].$$
#
# A bracket is 1 where it is true, else 0. The plain gradient has the first one only. Grey is 0 below.
#
# **Predict.** The last column is guided too, in a network whose weights are *random*. Will you see a cat?

# %% name="guess_where"
page.predict(
    "where",
    "Will you see a cat where the weights are random?",
    ["no, only noise", "no, only grey", "yes, its outlines"],
)

# %% name="where"
def as_image(gradient):
    array = sl.to_array(gradient)
    return np.clip(0.5 + array / (8 * array.std()), 0, 1)


rows, x = {}, sl.to_tensor(photograph)
for layer in LAYERS[1:]:
    filter, other = (int(sl.to_array(net(x)[layer]).std((0, 1)).argmax()) for net in (encoder, untrained))
    plain = picture_gradient(x, x, response(layer, filter))
    guided = sl.guided_gradient(encoder, x, layer, filter)
    rows[layer] = {f"filter {filter}: plain": as_image(plain), "guided": as_image(guided)}
    rows[layer]["guided, random weights"] = as_image(sl.guided_gradient(untrained, x, layer, other))
alt = "Four rows, one for each layer: a plain gradient, a guided one, a guided one with random weights."
page.show(plots.image_rows(rows), alt)

# %% [markdown] name="favourite_text"
# <details><summary>Compare with your guess</summary>
#
# You do, and that is a warning: the outlines are in the image, no matter which network looks at it. A beautiful map does not prove that anything was learned.
#
# </details>
#
# ## 1.7 What does a filter like best?
#
# Start from grey noise and climb: find the image to which a filter responds most. `optimise` goes downhill, so the loss $J$ is *minus* the mean response over all $HW$ positions (height times width), plus total variation $TV$ (differences between neighbours) at a price $\gamma$, to keep speckle down:
#
# $$J(x) = -\frac{1}{HW} \sum_{ij} a_{ij}(x) + \gamma\, TV(x).$$
#
# All filters here are scaled to a mean response of 1 on photographs, so the numbers read as "times its usual response".

# %% name="favourite"
grey_noise = np.clip(np.random.default_rng(SEED).normal(0.5, 0.1, (SIDE, SIDE, 3)), 0, 1)
adam = Optimiser("adam", learning_rate=0.05, clip=True)


def climb(network, layer, filter):
    """The steps from grey noise to a filter's favourite image."""

    def loss(image):
        response = sl.response(network(image)[layer], filter)
        return {"response": -response, "tv": 0.3 * sl.total_variation(image) / SIDE**2}

    return sl.optimise(sl.to_tensor(grey_noise), loss, optimiser=adam, steps=STEPS)


# %% [markdown] name="learned_text"
# Three filters per layer: again those that vary most over our photograph, among the ones that respond to the noise at all. A filter that is silent everywhere has no gradient, and nowhere to climb. **Predict** what will change in these favourites from conv2_1 to conv4_1.

# %% name="guess_learned"
page.predict(
    "learned",
    "What will change in the favourites from conv2_1 to conv4_1?",
    [
        "their patterns become finer and more regular",
        "their patterns become larger and less regular",
        "they show whole things, such as a cat",
        "only their colours change",
    ],
)

# %% name="learned"
def favourites(name):
    """{layer: {title: image}} of three filters each, in the encoder called `name`."""
    found = {layer: {} for layer in LAYERS[1:4]}
    for layer in found:
        network = sl.load_encoder(name, [layer], normalised=True)
        seen = [sl.to_array(network(sl.to_tensor(image))[layer]) for image in (grey_noise, photograph)]
        at_noise, uneven = seen[0].mean((0, 1)), seen[1].std((0, 1))
        for filter in np.argsort(np.where(at_noise > 0.1, uneven, 0))[::-1][:3]:
            for step in climb(network, layer, int(filter)):
                live.show(step)
            found[layer][f"filter {filter}: {-step.parts['response']:.0f} x"] = step.image
            louder.append(-step.parts["response"] / at_noise[filter])
    return found


# %% name="learned_favourites"
louder, live = [], page.Live("A filter's favourite image, growing out of noise", steps=9 * STEPS, width=256)
learned = favourites("auto")
live.finish(
    plots.image_rows(learned),
    "Three rows of three coloured patterns, one row for each layer.",
)

# %% name="louder"
# NBVAL_CHECK_OUTPUT
count = np.sum(np.array(louder) > 1.5)
print(f"{count} of {len(louder)} filters respond at least 1.5 times as strongly as to noise")

# %% [markdown] name="random_text"
# <details><summary>Compare with your guess</summary>
#
# conv2_1 repeats one short stroke. Deeper favourites are less regular, and made of larger things: dashes, cells, round blotches.
#
# </details>
#
# ## 1.8 Is it learned?
#
# A network of the same shape with random weights has favourites too. To compare them with a number: how much does a pixel have in common with its neighbours? Their **correlation** is near 1 in photographs, 0 in noise, -1 on a chessboard.
#
# **Predict** it for the favourites of learned and of random filters.

# %% name="guess_random"
page.predict(
    "random",
    "How much do neighbours correlate in the favourites of random filters?",
    [
        "nearly 1, as in photographs",
        "about a half, as for learned filters",
        "about 0, as in noise",
        "below 0, as on a chessboard",
    ],
)

# %% name="random"
def neighbours(image):
    """Correlation of each pixel with the one right of it and the one below."""
    pairs = ((image[:, 1:], image[:, :-1]), (image[1:], image[:-1]))
    return np.mean([np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in pairs])


live = page.Live("A random filter's favourite image", steps=9 * STEPS, width=256)
random, both = favourites("random"), {}
for layer, found in random.items():
    untrained_too = {title.replace("filter", "random"): image for title, image in found.items()}
    both[layer] = dict([*learned[layer].items()][:2] + [*untrained_too.items()][:2])
live.finish(plots.image_rows(both), "Three rows: two favourites of learned filters, two of random ones.")
for name, found in (("photograph", {"": {"": photograph}}), ("learned", learned), ("random", random)):
    shares = [neighbours(image) for row in found.values() for image in row.values()]
    print(f"{name}: neighbours correlate {np.mean(shares):.2f}")

# %% [markdown] name="shuffled_text"
# <details><summary>Compare with your guess</summary>
#
# Far from 0 for learned filters, 0 for random ones. Those like speckle, because nothing has taught them that neighbours belong together. Training does.
#
# </details>
#
# ## 1.9 Does depth care how pixels are arranged?
#
# For both networks: shuffle all pixels of an image. Do the same filters respond strongly? With $m_f$ the mean response of filter $f$ before and $m'_f$ after, we take their correlation over all filters of a layer,
#
# $$\rho = \mathrm{corr}(m, m'),$$
#
# which is 1 when the same filters respond, and 0 when entirely different ones do.
#
# **Predict** both lines, from conv1_1 to conv5_1.

# %% name="guess_shuffled"
page.predict(
    "shuffled",
    "Which line falls more from conv1_1 to conv5_1?",
    ["the random one", "the learned one", "both fall alike", "neither falls"],
)

# %% name="shuffled"
def alike(network, image):
    """For each layer, whether the same filters respond strongly after all pixels are shuffled."""
    shuffled = np.random.default_rng(SEED).permutation(image.reshape(-1, 3)).reshape(image.shape)
    before, after = (network(sl.to_tensor(pixels)) for pixels in (image, shuffled))
    means = [[sl.to_array(seen[layer]).mean((0, 1)) for seen in (before, after)] for layer in LAYERS]
    return [np.corrcoef(m, n)[0, 1] for m, n in means]


album = [images.open_image(name, size=128) for name in ("cat", "china", "coffee", "brushstrokes", "flower")]
curves, alt = {}, "Two lines over five layers, learned and random; the numbers printed here are their heights."
for name, network in {"learned": encoder, "random": untrained}.items():
    shares = np.mean([alike(network, image) for image in album], axis=0)
    curves[name] = dict(zip(LAYERS, shares.round(2).tolist(), strict=True))
    print(name, curves[name])
page.show(plots.against_depth({"correlation with the shuffled image": curves}), alt)

# %% [markdown] name="try_text"
# <details><summary>Compare with your guess</summary>
#
# The learned line falls from layer to layer, by more than half; the random one starts higher and falls less. The deeper a learned filter, the less is left once the arrangement is gone: that is the title of this lesson. Random filters mix colours, at any depth.
#
# </details>
#
# **Try it.** Choose a layer and a filter, and see its favourite grow. Some stay grey: what are they waiting for? Without a kernel you see the last image from above.

# %% name="try_it"
networks = {layer: sl.load_encoder("auto", [layer], normalised=True) for layer in LAYERS}


def paint(layer, filter):
    """A filter's favourite, step by step."""
    return climb(networks[layer], layer, filter)


last = list(learned["conv4_1"].values())[-1]
page.try_it(paint, last, "A filter's favourite image", {"layer": LAYERS, "filter": range(32)})

# %% [markdown] name="quiz_text"
# ## Quiz
#
# Five questions, marked immediately. Without a kernel, unfold an answer to read the feedback on it.

# %% name="quiz"
page.quiz("01")

# %% [markdown] name="recap"
# ## What to remember
#
# 1. A convolution asks one question everywhere. The ReLU keeps only "yes": the opposite needs a filter of its own.
# 2. conv4_2, block4_conv2, relu4_2 and "the tenth convolution" are one layer: block 4, second convolution, after the ReLU.
# 3. Kernels widen the receptive field, by steps that strides have made larger: 3 pixels at conv1_1, 156 at conv5_1, measured as computed, and the middle counts most.
# 4. With the network frozen, the gradient belongs to the image. Guided, it shows where a filter looks; followed uphill, what it likes best.
# 5. Random networks show outlines too. What gives learned filters away: their favourites are smoother, and the deeper they are, the more they care how pixels are arranged.
#
# ## Going further
#
# - Put `guided_gradient(..., position=(row, column))` in 1.6: one unit instead of the mean of all.
# - Set the price of the total variation in 1.7 to 0, then to 3. Which favourites get lost?
# - Shuffle blocks of 8 x 8 pixels in 1.9 instead of single ones. Up to which layer does nothing change?
# - Write `convolve` without a loop, with `np.lib.stride_tricks.sliding_window_view` and `einsum`.
#
# ## References
#
# 1. K. Simonyan, A. Zisserman, *Very deep convolutional networks for large-scale image recognition*, ICLR 2015. [arXiv:1409.1556](https://arxiv.org/abs/1409.1556): the encoder's layers.
# 2. M. Zeiler, R. Fergus, *Visualizing and understanding convolutional networks*, ECCV 2014. [arXiv:1311.2901](https://arxiv.org/abs/1311.2901): layers seen through deconvolution.
# 3. J. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller, *Striving for simplicity: the all convolutional net*, ICLR workshop 2015. [arXiv:1412.6806](https://arxiv.org/abs/1412.6806): guided backpropagation, our 1.6.
# 4. K. Simonyan, A. Vedaldi, A. Zisserman, *Deep inside convolutional networks*, ICLR workshop 2014. [arXiv:1312.6034](https://arxiv.org/abs/1312.6034): the plain gradient, and favourite images.
# 5. J. Adebayo and others, *Sanity checks for saliency maps*, NeurIPS 2018. [arXiv:1810.03292](https://arxiv.org/abs/1810.03292): why random weights belong in the comparison.
# 6. W. Luo, Y. Li, R. Urtasun, R. Zemel, *Understanding the effective receptive field*, NeurIPS 2016. [arXiv:1701.04128](https://arxiv.org/abs/1701.04128): why the middle counts most.
# 7. C. Olah, A. Mordvintsev, L. Schubert, *Feature visualization*, Distill 2017. [distill.pub](https://distill.pub/2017/feature-visualization/): many more favourites, of a large network.
