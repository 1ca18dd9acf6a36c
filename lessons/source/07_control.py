# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] name="title"
# # 7 · Where, what colour, how much
#
# {{badges}}
#
# This is the {{framework}} edition. The same lesson in {{other_framework}}: [07_control_{{other_module}}.ipynb](07_control_{{other_module}}.ipynb)
#
# **You will**
#
# 1. give each region of a photograph its own style, by Gram matrices of masked positions (exercise 7.1, two predictions, question 1);
# 2. paint in the photograph's colours, in two ways (exercise 7.2, two predictions, question 2);
# 3. choose how large strokes are (one prediction, question 3);
# 4. blend two styles into one that has both (one prediction, question 4);
# 5. choose how much style there is, without a lottery of weights (one prediction, question 5).
#
# **Time** 45 minutes · **Needs** Gram matrix (lesson 3 or 4), mean and covariance (lesson 6) · **Runs on** a laptop, in three to five minutes for all cells. Without a GPU, images have 160 pixels and runs 40 steps; with one, 320 pixels and 200 steps. The cells are the same.

# %% name="setup" tags=["torch"]
import os, sys

# {{colab}}

import numpy as np
import torch
import stylelab.torch as sl
from scipy import ndimage
from stylelab import images, page, plots
from stylelab.recipes import scaled

setting = page.set_up(sl, seed=0)

# %% name="setup" tags=["tensorflow"]
import os, sys

# {{colab}}

import numpy as np
import stylelab.tensorflow as sl
import tensorflow as tf
from scipy import ndimage
from stylelab import images, page, plots
from stylelab.recipes import scaled

setting = page.set_up(sl, seed=0)

# %% [markdown] name="pictures_text"
# ## 7.1 Which positions?
#
# A style loss compares statistics: means over all positions of a layer. The network does not say *which* positions, in *which* image. You do. Nearly all that people want to control comes down to that choice.
#
# First, where. A **mask** is an image with one colour for each region. Here it has two: white for the sky, black for everything below. It is made from brightness: bright pixels that are joined to the upper left corner.

# %% name="pictures"
recipe = scaled("stylelab", setting.preset)
SIZE, STEPS = recipe.size * 5 // 8, max(12, recipe.steps * 2 // 5)
photograph = images.open_image("china", size=SIZE)
paintings = {name: images.open_image(name, size=SIZE) for name in ("brushstrokes", "stained-glass")}
joined, _ = ndimage.label(photograph.min(2) > 0.55)
sky = ndimage.binary_fill_holes(joined == joined[0, 0])
mask = np.repeat(np.float32(sky)[..., None], 3, axis=2)
page.show(
    plots.side_by_side({"photograph": photograph, "mask": mask, **paintings}),
    f"{images.alt('china')}; its sky in white, the rest in black; two paintings.",
)

# %% [markdown] name="masked_gram_text"
# ### A region's own Gram matrix
#
# At a layer, a position belongs to the region that most of its pixels belong to. With $m_p = 1$ where position $p$ is in the region and 0 elsewhere, the region has $\sum_p m_p$ positions, and
#
# $$G_{ij} = \frac{\sum_p m_p\, F_{ip} F_{jp}}{\sum_p m_p}.$$
#
# It is divided by the *region's* positions. Divided by all, a small region would have a small Gram matrix, as if it were another style.
#
# ### Exercise 7.1 · the Gram matrix of a region
#
# Two to four lines. The mask is 1 in the region and 0 elsewhere. Keep the images of a batch apart: each has a mask of its own. While an answer is missing or wrong, its check says why, and the lesson continues with stylelab's own function.

# %% name="masked_gram" exercise="masked_gram" tags=["torch"]
def masked_gram(activation, mask):
    """{{activation}} and a mask (B, 1, H, W) -> (B, C, C): the Gram matrix of the masked positions."""
    raise NotImplementedError


# %% name="masked_gram" exercise="masked_gram" tags=["tensorflow"]
def masked_gram(activation, mask):
    """{{activation}} and a mask (B, H, W, 1) -> (B, C, C): the Gram matrix of the masked positions."""
    raise NotImplementedError


# %% name="check_masked_gram" check="masked_gram"
masked_gram = sl.check("masked_gram", masked_gram)

# %% [markdown] name="parts_text"
# Two filters, four positions; the region is the last one, where both respond with 2. Elsewhere filter 1 responds with 1, and filter 2 with 0. **Predict** the region's Gram matrix, the rest's, and how the two make up that of the whole.

# %% name="guess_parts"
page.predict(
    "parts",
    "How do the two Gram matrices make up that of the whole?",
    ["as their sum", "as a mean, weighted by the numbers of positions", "as their plain mean"],
)

# %% name="parts" tags=["torch"]
# NBVAL_CHECK_OUTPUT
F = torch.tensor([[[[1.0, 1, 1, 2]], [[0, 0, 0, 2]]]])  # one image of one row: (1, 2, 1, 4)
region = torch.tensor([[[[0.0, 0, 0, 1]]]])
own, rest = masked_gram(F, region)[0], masked_gram(F, 1 - region)[0]
together, whole = own / 4 + rest * 3 / 4, sl.gram_matrix(F)[0]
for name, gram in {"region": own, "rest": rest, "together": together, "whole": whole}.items():
    print(f"{name}: {gram.numpy().round(3).tolist()}")

# %% name="parts" tags=["tensorflow"]
# NBVAL_CHECK_OUTPUT
F = tf.constant([[[[1.0, 0], [1, 0], [1, 0], [2, 2]]]])  # one image of one row: (1, 1, 4, 2)
region = tf.constant([[[[0.0], [0], [0], [1]]]])
own, rest = masked_gram(F, region)[0], masked_gram(F, 1 - region)[0]
together, whole = own / 4 + rest * 3 / 4, sl.gram_matrix(F)[0]
for name, gram in {"region": own, "rest": rest, "together": together, "whole": whole}.items():
    print(f"{name}: {gram.numpy().round(3).tolist()}")

# %% [markdown] name="where_text"
# <details><summary>Compare with your guess</summary>
#
# All fours; a 1 in the corner; and a quarter of the one plus three quarters of the other: each counts by its share of the positions.
#
# </details>
#
# ## 7.2 Style here, and there another
#
# `content_mask` says where. Without a `style_mask`, style is painted where it is white, and elsewhere the photograph stays as it is, to the last bit. With masks for both images, each region of the photograph gets the style of the region of the same colour. **Predict**: will the border between sky and roof be sharp, when only the sky is painted?

# %% name="guess_where"
page.predict(
    "where",
    "Will the border between sky and roof be sharp, when only the sky is painted?",
    ["no, the style leaks onto the roof", "no, the style fades out before the roof", "yes, to the pixel"],
)

# %% name="paint"
fallen = []  # of each run, the share of the loss that is left


def paint(style, watch=None, **options):
    """The photograph in a style; the options say where, what colour, how much."""
    result = sl.transfer(photograph, style, size=SIZE, steps=STEPS, watch=watch, **options)
    fallen.append(result.history["total"][-1] / result.history["total"][0])
    return result.image


def paint_all(style, ways, live):
    """One image for each of several ways, by name."""
    return {name: paint(style, watch=live.show, **options) for name, options in ways.items()}


# %% name="where"
# NBVAL_CHECK_OUTPUT
left = np.zeros_like(paintings["brushstrokes"])
left[:, : left.shape[1] // 2] = 1  # white: the sky's colour in the photograph's mask
ways = {
    "everywhere": {},
    "sky only": {"content_mask": mask},
    "sky from the left half": {"content_mask": mask, "style_mask": [left]},
}
live = page.Live("The pagoda, painted in regions", steps=3 * STEPS)
where = paint_all(paintings["brushstrokes"], ways, live)
live.finish(plots.side_by_side(where), "The pagoda, painted everywhere, in the sky only, and in two regions.")
untouched = np.abs(where["sky only"] - photograph)[~sky].max()
print(f"outside the mask, no pixel has moved by more than {untouched:.3f}")

# %% [markdown] name="colour_text"
# <details><summary>Compare with your guess</summary>
#
# Sharp: the photograph is put back at the end, pixel by pixel, wherever the mask is black. With two regions nothing is put back, and the sky takes the swirls of the painting's left half only.
#
# </details>
#
# ## 7.3 Whose colours?
#
# A painting brings its colours along. To keep the photograph's, change the *painting* before the run: give its pixels $x$, with mean $\mu$ and covariance $\Sigma$, the photograph's mean $\nu$ and covariance $T$:
#
# $$x' = A\,(x - \mu) + \nu, \qquad A = \Sigma^{-1/2} \left(\Sigma^{1/2}\, T\, \Sigma^{1/2}\right)^{1/2} \Sigma^{-1/2}.$$
#
# Then $A \Sigma A = T$. Many matrices do that; this one moves the pixels least. It is the plan of the Wasserstein distance in lesson 6.
#
# ### Exercise 7.2 · the colours of another image
#
# Eight to ten lines. Both covariances are divided by the number of pixels. A root has the eigenvectors of its matrix and the roots of its eigenvalues, of which rounding may leave one just below 0. Do not clip.

# %% name="match_colours" exercise="match_colours" tags=["torch"]
def match_colours(image, target):
    """{{image}} twice -> {{image}}: the first, with the second one's mean and covariance of colours.

    Useful: torch.linalg.eigh, flatten, @."""
    raise NotImplementedError


# %% name="match_colours" exercise="match_colours" tags=["tensorflow"]
def match_colours(image, target):
    """{{image}} twice -> {{image}}: the first, with the second one's mean and covariance of colours.

    Useful: tf.linalg.eigh, tf.reshape, tf.matmul."""
    raise NotImplementedError


# %% name="check_match_colours" check="match_colours"
match_colours = sl.check("match_colours", match_colours)

# %% [markdown] name="matched_text"
# **Predict** what becomes of the window's red: is there any red in the photograph?

# %% name="guess_matched"
page.predict(
    "matched", "What becomes of the window's red?", ["it stays red", "it turns brown or pale", "it turns green"]
)

# %% name="matched"
glass = paintings["stained-glass"]
matched = sl.to_array(match_colours(sl.to_tensor(glass), sl.to_tensor(photograph)))
for name, image in {"window": glass, "photograph": photograph, "matched": matched}.items():
    red, green, blue = (f"{channel.mean():.2f} ± {channel.std():.2f}" for channel in image.reshape(-1, 3).T)
    print(f"{name:11}red {red}, green {green}, blue {blue}")
shown = {"window": glass, "photograph": photograph, "window, matched": np.clip(matched, 0, 1)}
page.show(plots.side_by_side(shown), "The window, the photograph, and the window with the photograph's colours.")

# %% [markdown] name="keep_text"
# <details><summary>Compare with your guess</summary>
#
# Few things in the photograph are red, so the panes turn to brown, blue and much white: its sky. Mean and deviation are the photograph's.
#
# </details>
#
# ### Brightness only
#
# The other way is to paint *brightness* only. Network and losses see grey images, and in the end every pixel keeps its own hue. **Predict** for each of the two whether a stroke may have another colour than the thing it lies on.

# %% name="guess_keep"
page.predict(
    "keep",
    "In which way may a stroke have another colour than the thing it lies on?",
    ["in both", "only with `luminance`", "only with `match`", "in neither"],
)

# %% name="keep"
live = page.Live("The pagoda, in three ways of colour", steps=3 * STEPS)
ways = {"the painting's colours": {}} | {way: {"keep_colours": way} for way in ("match", "luminance")}
kept = paint_all("stained-glass", ways, live)
live.finish(plots.side_by_side({"photograph": photograph, **kept}), "The photograph, and three ways to colour it.")
for name, image in kept.items():
    hue = [pixels - pixels.mean(2, keepdims=True) for pixels in (image, photograph)]
    print(f"{name:23} hues differ by {np.abs(hue[0] - hue[1]).mean():.3f} a pixel")

# %% [markdown] name="scale_text"
# <details><summary>Compare with your guess</summary>
#
# With `match` it may: the palette is the photograph's, but any stroke may lie anywhere. With `luminance` it may not: only light and dark are painted.
#
# </details>
#
# ## 7.4 How large are the strokes?
#
# A filter sees a fixed number of pixels (lesson 3): so the size of the *painting* sets the size of its strokes. `style_scale` is a factor of it. **Predict** what the sky looks like at a half, and at twice the size.

# %% name="guess_scale"
page.predict(
    "scale",
    "What do the strokes in the sky look like at twice the size of the painting?",
    ["thinner and denser", "broader and softer", "of the same size, but fewer"],
)

# %% name="scale"
live = page.Live("The pagoda in strokes of three sizes", steps=3 * STEPS)
sizes = paint_all("brushstrokes", {f"style_scale={s:g}": {"style_scale": s} for s in (0.5, 1, 2)}, live)
live.finish(plots.side_by_side(sizes), "The pagoda in strokes of three sizes.")

# %% [markdown] name="blend_text"
# <details><summary>Compare with your guess</summary>
#
# At a half, the strokes are thin and dense; at twice the size they are broad and soft, and the pagoda keeps more of its shape.
#
# </details>
#
# ## 7.5 A style that is two
#
# What is half of one style and half of another? Put both paintings next to each other: the statistics of that image are means over *all* its positions, so means of the two. For Gram matrices and means we may mix numbers; for a covariance we may not. Take one filter: in one painting it responds with 0 everywhere, in the other with 1. **Predict** the variance of the blend, and the mean of the two variances.

# %% name="guess_blend_numbers"
page.predict("blend_numbers", "What is the variance of the blend?", unit="")

# %% name="blend_numbers"
# NBVAL_CHECK_OUTPUT
first, second = np.zeros(100), np.ones(100)
both = np.concatenate([first, second])
moment = (np.mean(first**2) + np.mean(second**2)) / 2
print(f"next to each other: mean square {np.mean(both**2):.2f}, variance {both.var():.2f}")
print(f"mean of the two:    mean square {moment:.2f}, variance {(first.var() + second.var()) / 2:.2f}")

# %% [markdown] name="blends_text"
# <details><summary>Compare with your guess</summary>
#
# A quarter, and 0: between two paintings of one colour each, there *is* spread. So `blend` mixes mean squares and means, and takes the covariance afterwards.
#
# </details>
#
# ### A mosaic, or a third style?
#
# **Predict** how one blend of strokes and stained glass will look: as a mosaic of both, or as a third style?

# %% name="guess_blends"
page.predict(
    "blends",
    "How will one blend of strokes and stained glass look?",
    ["as a third style", "as a mosaic of both", "as one laid over the other"],
)

# %% name="blends"
live = page.Live("The pagoda in blends of two styles", steps=3 * STEPS)
pair, shares = ["brushstrokes", "stained-glass"], ((0.8, 0.2), (0.5, 0.5), (0.2, 0.8))
blends = paint_all(pair, {f"blend {share}": {"blend": list(share)} for share in shares}, live)
live.finish(plots.side_by_side(blends), "The pagoda in three blends of brush strokes and stained glass.")
print(f"the loss is {max(fallen[-3:]):.1%} of the first, or less, for each of the three")

# %% [markdown] name="strength_text"
# <details><summary>Compare with your guess</summary>
#
# Mostly as a third style: strokes that are broken into panes, in the colours of both. Each part of the image takes what suits it.
#
# </details>
#
# ## 7.6 How much?
#
# The photograph is a painting too: its own style. `strength` blends it in, $s$ parts of the style and $1 - s$ of the photograph. At $s = 0$ nothing has to change; at 1 all of the style is wanted. The weight $\alpha$ is no such dial: it is a price, and what it buys differs from pair to pair (lesson 4). **Predict** whether half the strength looks like half of each image, laid over each other.

# %% name="guess_strength"
page.predict(
    "strength",
    "Does half the strength look like half of each image, laid over each other?",
    [
        "yes, every pixel is about a mean of the two",
        "no, it has all the strokes, but smaller",
        "no, it has whole strokes, but fewer and paler",
    ],
)

# %% name="strength"
live = page.Live("The pagoda in four strengths", steps=4 * STEPS)
strengths = paint_all("brushstrokes", {f"strength {s:g}": {"strength": s} for s in (0.25, 0.5, 0.75, 1)}, live)
live.finish(plots.side_by_side(strengths, columns=2), "The pagoda in four strengths of brush strokes.")
moved = [np.abs(image - photograph).mean() for image in strengths.values()]
print("pixels moved on average by " + ", ".join(f"{distance:.2f}" for distance in moved))

# %% [markdown] name="all_text"
# <details><summary>Compare with your guess</summary>
#
# No: at a half there are whole strokes, but fewer and paler, first in the sky, where the content resists least. No pixel is a mean of two images.
#
# </details>
#
# ## 7.7 All of it at once
#
# The choices are independent, so they combine. The same on the command line: `stylelab transfer china brushstrokes stained-glass -o out.png --blend 0.7 0.3 --keep-colours match --strength 0.8`.
#
# **Try it.** Move a slider: the photograph is painted again, with your choices. Without a kernel you see the photograph.

# %% name="try_it"
def repaint(colours, scale, strength, glass):
    """The photograph, with the sliders' choices."""
    glass, steps = min(glass, 1), []
    options = dict(style_scale=scale, strength=min(strength, 1), blend=[1 - glass, glass])
    if colours != "painting":
        options["keep_colours"] = colours
    paint(pair, watch=steps.append, **options)
    return steps


sliders = {"scale": (0.3, 3, 1), "strength": (0.01, 1, 1), "glass": (0.01, 1, 0.1)}  # lowest, highest, first
page.try_it(repaint, photograph, images.alt("china"), {"colours": ["painting", "match", "luminance"], **sliders})

# %% [markdown] name="quiz_text"
# ## Quiz
#
# Five questions, marked immediately. Without a kernel, unfold an answer to read the feedback on it.

# %% name="quiz"
page.quiz("07")

# %% [markdown] name="recap"
# ## What to remember
#
# 1. A region's Gram matrix is a mean over the region's positions, divided by their number. Weighted by area, the regions add up to the whole.
# 2. Match the painting's colours to the photograph's before the run, and strokes have colours of their own; paint luminance alone, and each pixel keeps its hue.
# 3. Strokes are as large in pixels as in the painting, so scale the painting.
# 4. Blend mean squares and means: the statistics of both paintings next to each other. Covariances do not blend.
# 5. Strength is a blend with the photograph itself; a weight is a price.
#
# ## Going further
#
# - Draw a mask with three colours in any paint program, and give each region a painting's region.
# - `keep_colours="match"` recolours the painting before the run. Recolour the *result* with your function instead. What is different?
# - Blend a painting at two scales: give it twice, once resized.
# - [Lesson 6](06_clouds_of_points_{{module}}.ipynb) has the losses whose statistics are masked and blended here.
#
# ## References
#
# 1. L. Gatys, A. Ecker, M. Bethge, A. Hertzmann, E. Shechtman, *Controlling perceptual factors in neural style transfer*, CVPR 2017. [arXiv:1611.07865](https://arxiv.org/abs/1611.07865): regions, colour and scale, our 7.1 to 7.4.
# 2. L. Gatys, M. Bethge, A. Hertzmann, E. Shechtman, *Preserving color in neural artistic style transfer*, 2016. [arXiv:1606.05897](https://arxiv.org/abs/1606.05897): both ways of 7.3.
# 3. F. Pitié, A. Kokaram, *The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer*, 2007: the map of 7.3.
# 4. X. Huang, S. Belongie, *Arbitrary style transfer in real-time with adaptive instance normalization*, ICCV 2017. [arXiv:1703.06868](https://arxiv.org/abs/1703.06868): strength and blends as mixtures of statistics, our 7.5 and 7.6.
