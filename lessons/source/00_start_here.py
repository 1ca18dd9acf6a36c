# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown] name="title"
# # 0 · A network takes any numbers, and never says that they are the wrong ones
#
# {{badges}}
#
# This is the {{framework}} edition. The same lesson in {{other_framework}}: [00_start_here_{{other_module}}.ipynb](00_start_here_{{other_module}}.ipynb)
#
# **You will**
#
# 1. find out what your machine has, and how fast the course runs on it (question 1 of the quiz);
# 2. answer an exercise wrongly on purpose, read what the check says, and put it right (section 0.2);
# 3. turn an image into what a network expects, and back (exercises 0.1 and 0.2, two predictions);
# 4. see what happens to wrong numbers (one prediction, question 3);
# 5. paint your first image in one line, then one of your own, and see how a bad file is refused (question 5).
#
# **Time** 25 minutes · **Needs** a little Python; that a convolution slides filters over an image · **Runs on** a laptop, in two or three minutes for all cells. Without a GPU, images have 256 pixels and runs a fifth of the paper's steps; with one, 512 pixels and 500 steps. The cells are the same.

# %% name="setup" tags=["torch"]
import os, sys, time

# {{colab}}

import numpy as np
import torch
import stylelab.torch as sl
from stylelab import images, page, plots
from stylelab.recipes import scaled
from stylelab.result import Step

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
from stylelab.result import Step

SEED = 0
setting = page.set_up(sl, seed=SEED)

# %% [markdown] name="machine_text"
# ## 0.1 What does this machine have?
#
# Click into a grey cell and press Shift and Enter: it runs, and the next one is selected. Run them in order. If you get lost, choose *Restart kernel and run all cells* from the Kernel menu: a lesson always runs to the end, whatever you have written in it.
#
# The cell above, with which every lesson begins, has printed three things:
#
# - the **machine**: {{framework}}, and whether it runs on a GPU or on the processor (`cpu`);
# - the **encoder**: the network that looks at images. One comes with the course; nothing is downloaded unless you ask;
# - the **preset**: how large images are and how long runs take here.
#
# If you have a GPU and it says `cpu`, run `stylelab doctor` in a terminal: it tells you what is missing. How long does the encoder take for one image?

# %% name="machine"
encoder = sl.load_encoder("mini", ("conv1_1", "conv3_1"), device=setting.device)
photograph = images.open_image("china", size=128)
tensor = sl.to_tensor(photograph, setting.device)
encoder(tensor)  # the first call is slower: it sets things up
began = time.perf_counter()
for _ in range(5):
    seen = encoder(tensor)
print(f"five images, {200 * (time.perf_counter() - began):.0f} ms each on {setting.device}")
print("input", tuple(tensor.shape), "activations", {layer: tuple(found.shape) for layer, found in seen.items()})

# %% [markdown] name="check_text"
# ## 0.2 Exercises that talk back
#
# An exercise is a function to write. The cell after it *checks* what you wrote: first its shape, then its values, then properties that must hold for any input. It takes less than a second, and is not an exam: try as often as you like.
#
# Let us make a mistake on purpose. Two losses have to be added, one for content and one for style, with weights $\alpha$ and $\beta$, to one number $J$:
#
# $$J = \alpha J_{content} + \beta J_{style}.$$
#
# **Predict** what the check will say about a function that forgets the weights.

# %% name="guess_wrong"
page.predict(
    "wrong",
    "What will the check say about a function that forgets the weights?",
    ["only that the value is wrong", "that the weights are missing", "that the shape is wrong"],
)

# %% name="wrong"
def total_cost(content, style, alpha, beta):
    """The sum of two losses: but where are the weights?"""
    return content + style


with page.on_purpose():
    sl.check("total_cost", total_cost)

# %% [markdown] name="right_text"
# <details><summary>Compare with your guess</summary>
#
# It names the mistake: the losses are added without their weights.
#
# </details>
#
# It also says how the lesson continues: a check returns *your* function if it is right, and the library's own if it is not. So you are never stuck, and a later cell never fails because of an earlier exercise. Now the correct version:

# %% name="right"
def total_cost(content, style, alpha, beta):
    """The weighted sum of two losses."""
    return alpha * content + beta * style


total_cost = sl.check("total_cost", total_cost)

# %% [markdown] name="pixels_text"
# ## 0.3 An image is a table of numbers
#
# In this course an image is an array (height, width, 3): red, green, blue, each from 0 (dark) to 1 (bright). A **tensor** holds a batch of them in the order that {{framework}} wants: {{image}}, with B images, and C or 3 channels. `sl.to_tensor` and `sl.to_image` convert there and back.
#
# **Predict** the three numbers of a pixel in the blue sky. Which is the largest?

# %% name="guess_pixels"
page.predict(
    "pixels",
    "What are the red, green and blue of a pixel in the blue sky?",
    [
        "blue is large, red and green are near 0",
        "blue is the largest, but red and green are large too",
        "all three are about the same",
    ],
)

# %% name="pixels"
# NBVAL_CHECK_OUTPUT
print("height, width, colours:", photograph.shape)
print(f"from {photograph.min():.2f} to {photograph.max():.2f}")
print("top left corner:", photograph[0, 0].astype(float).round(2).tolist())
same = sl.to_image(sl.to_tensor(photograph))
print(f"there and back, the largest change is {abs(same - photograph).max():.2f}")

# %% [markdown] name="preprocess_text"
# <details><summary>Compare with your guess</summary>
#
# About 0.68, 0.79 and 0.91. Blue is the largest, but the others are large too: a bright sky is not far from white.
#
# </details>
#
# ## 0.4 What a network expects
#
# A network has only ever seen its training images in one form. The VGG-19 from Oxford, which the paper uses, was trained on images with the colours in the order blue, green, red, in 0..255, minus the mean colour $m$ of its million photographs. From an image $x$, whose channels in reverse order are $x_{BGR}$, it got
#
# $$y = 255\,x_{BGR} - m, \qquad m = (103.939,\; 116.779,\; 123.680).$$
#
# Other networks expect other things: torchvision's copy of VGG-19 wants red first, and a division as well.
#
# ### Exercise 0.1 · preprocess
#
# Two or three lines: reverse the order of the channels, scale, subtract. Mind which axis the channels are on.

# %% name="preprocess" exercise="preprocess" tags=["torch"]
MEAN = (103.939, 116.779, 123.680)  # of blue, green and red, in 0..255


def preprocess(image):
    """{{image}}, RGB in 0..1 -> the same shape, BGR in 0..255 minus the mean.

    Useful: flip, torch.tensor(MEAN).reshape(1, 3, 1, 1)."""
    raise NotImplementedError


# %% name="preprocess" exercise="preprocess" tags=["tensorflow"]
MEAN = (103.939, 116.779, 123.680)  # of blue, green and red, in 0..255


def preprocess(image):
    """{{image}}, RGB in 0..1 -> the same shape, BGR in 0..255 minus the mean.

    Useful: image[..., ::-1], tf.constant(MEAN)."""
    raise NotImplementedError


# %% name="check_preprocess" check="preprocess"
preprocess = sl.check("preprocess", preprocess)

# %% [markdown] name="preprocess_by_hand_text"
# **Predict** what happens to a black pixel, and which of a red pixel's three numbers becomes the largest.

# %% name="guess_preprocess_by_hand"
page.predict(
    "preprocess_by_hand",
    "Which of a red pixel's three numbers becomes the largest?",
    ["the first", "the second", "the third"],
)

# %% name="preprocess_by_hand"
# NBVAL_CHECK_OUTPUT
colours = {"black": [0, 0, 0], "white": [1, 1, 1], "red": [1, 0, 0], "grey": [0.5, 0.5, 0.5]}
for name, colour in colours.items():
    pixel = sl.to_tensor(np.float32([[colour]]), "cpu")  # an image of one row and one column
    print(f"{name:5}", sl.to_array(preprocess(pixel))[0, 0].astype(float).round(2).tolist())

# %% [markdown] name="deprocess_text"
# <details><summary>Compare with your guess</summary>
#
# Black becomes $-m$. Of a red pixel the last number is the largest, because the order is now blue, green, red.
#
# </details>
#
# Negative numbers are fine here: 0 now means the *average* colour, not black.
#
# ## 0.5 And back again
#
# After an optimiser has worked on such numbers, we want to see an image again. That takes the inverse, plus one thing: an optimiser may leave the range, and a screen cannot show anything darker than black or brighter than white. So the result is clipped. With $y$ and $m$ as in 0.4:
#
# $$x_{BGR} = \mathrm{clip}_{0..1}\left(\frac{y + m}{255}\right).$$
#
# ### Exercise 0.2 · deprocess
#
# Two or three lines. The order matters: which of your steps must be undone first?

# %% name="deprocess" exercise="deprocess" tags=["torch"]
MEAN = (103.939, 116.779, 123.680)  # of blue, green and red, in 0..255


def deprocess(pixels):
    """{{image}}, BGR in 0..255 minus the mean -> the same shape, RGB, clipped to 0..1.

    Useful: flip, clamp."""
    raise NotImplementedError


# %% name="deprocess" exercise="deprocess" tags=["tensorflow"]
MEAN = (103.939, 116.779, 123.680)  # of blue, green and red, in 0..255


def deprocess(pixels):
    """{{image}}, BGR in 0..255 minus the mean -> the same shape, RGB, clipped to 0..1.

    Useful: image[..., ::-1], tf.clip_by_value."""
    raise NotImplementedError


# %% name="check_deprocess" check="deprocess"
deprocess = sl.check("deprocess", deprocess)

# %% name="deprocess_by_hand"
# NBVAL_CHECK_OUTPUT
pixels = preprocess(sl.to_tensor(photograph, "cpu"))  # on the processor, where your MEAN is
for name, factor in {"there and back": 1, "all contrast gone": 0, "ten times the contrast": 10}.items():
    back = sl.to_image(deprocess(factor * pixels)).astype(float)
    clipped = np.mean((back == 0) | (back == 1))
    print(f"{name}: mean colour {back.mean((0, 1)).round(2).tolist()}, {clipped:.1%} at an end of the range")

# %% [markdown] name="try_text"
# With all contrast gone, every pixel is 0, which is the mean colour: a brownish grey.
#
# **Try it.** The slider multiplies the preprocessed numbers before *your* `deprocess` converts them back. The "loss" next to it is the share of numbers at either end of the range: what clipping has thrown away. Without a kernel you see the image that the slider starts from.

# %% name="try_it"
def paint(contrast):
    """One step: the image with another contrast, and how much of it was clipped."""
    shown = sl.to_image(deprocess(contrast * pixels))
    yield Step(1, float(np.mean((shown == 0) | (shown == 1))), {}, lambda: shown)


page.try_it(paint, photograph, images.alt("china"), {"contrast": (0.01, 10, 1)})

# %% [markdown] name="wrong_numbers_text"
# ## 0.6 Wrong numbers, and no complaint
#
# You will not need these two functions often: the encoders of this course do the preprocessing themselves, each in its own way, and always take RGB in 0..1. But what if you forgot that, and gave one something else?
#
# Below, the same photograph goes in in four forms. The images show how strongly the layer conv2_1 responds at each position, from black (least) to white (most). **Predict** which forms raise an error, and which give visible nonsense.

# %% name="guess_wrong_numbers"
page.predict(
    "wrong_numbers",
    "Which of the wrong forms raise an error?",
    ["all three of them", "only the one in 0..255", "none of them", "only the one that is preprocessed already"],
)

# %% name="wrong_numbers"
# NBVAL_CHECK_OUTPUT
large = images.open_image("china", size=256)
forms = {
    "as it should be": sl.to_tensor(large, "cpu"),
    "red and blue swapped": sl.to_tensor(large[..., ::-1], "cpu"),
    "in 0..255": sl.to_tensor(255 * large, "cpu"),
    "preprocessed already": preprocess(sl.to_tensor(large, "cpu")),
}
seeing = sl.load_encoder("mini", ("conv2_1",), device="cpu")
responses = {name: sl.to_array(seeing(form)["conv2_1"]).mean(-1) for name, form in forms.items()}
for name, response in responses.items():
    print(f"{name}: {response.mean() / responses['as it should be'].mean():.0f} times as strong")
maps = {name: response - response.min() for name, response in responses.items()}
page.show(plots.image_rows({"": maps}), "Four maps in grey, one for each form of the photograph.")

# %% [markdown] name="no_complaint_text"
# <details><summary>Compare with your guess</summary>
#
# None raises an error, none even a warning, and the pagoda can be made out in every map. Only the numbers give it away, and only if you look at them: the last two responses are more than forty times too strong, and swapped colours do not change even that.
#
# </details>
#
# So print shape and range whenever an image changes hands.
#
# ## 0.7 A first transfer, in one line
#
# Everything that you will build in lessons 1 to 5 ends up in one function. It starts from the photograph and changes its pixels, step by step, until the encoder finds the style of the second image in it. **Predict** which parts of the pagoda will change first: edges, colours, or flat areas?

# %% name="guess_transfer"
page.predict("transfer", "Which parts of the pagoda will change first?", ["edges", "flat areas", "colours"])

# %% name="transfer"
recipe = scaled("gatys", setting.preset)
live = page.Live("The pagoda, turning into brush strokes", steps=recipe.steps)
result = sl.transfer("china", "brushstrokes", recipe=recipe, watch=live.show)
live.finish(result.image, "The pagoda and its trees, painted in swirling brush strokes")

# %% name="result"
fallen = result.history["total"] / result.history["total"][0]
print(f"{len(fallen)} steps, {1000 * result.seconds / len(fallen):.0f} ms each on {result.device}")
print(f"the loss is {fallen[-1]:.1%} of the first")
few = {step: result.snapshots[step] for step in sorted(result.snapshots)[::-2]}
page.show(plots.filmstrip(few), "The pagoda at four steps of the run.")
page.show(result.plot_losses(), "The total, content and style loss and the total variation, step by step.")

# %% [markdown] name="own_text"
# <details><summary>Compare with your guess</summary>
#
# Flat areas: in sky and water a stroke costs nothing, because the encoder found nothing to preserve there. The edges of the pagoda hold out longest.
#
# </details>
#
# ## 0.8 Your own images
#
# Wherever an image is expected, give a **path** or the **name** of a built-in image. Drag a file from your computer into the file list on the left, and it is stored next to this notebook: its name is then its path.
#
# Cameras, phones and web sites produce odd files. Anything that can be understood as an image is opened as one. **Predict** what the transparent parts of an image become.

# %% name="guess_odd_files"
page.predict(
    "odd_files",
    "What do the transparent parts of an image become?",
    ["black", "grey", "white", "the colour that is stored under them"],
)

# %% name="odd_files"
# NBVAL_CHECK_OUTPUT
from PIL import Image

cat = Image.fromarray((255 * images.open_image("cat", size=160)).astype(np.uint8))
clear = cat.convert("RGBA")
clear.putalpha(cat.convert("L"))  # where the cat is dark, it is transparent
odd = {"grey": cat.convert("L"), "8 colours": cat.quantize(8), "inks": cat.convert("CMYK"), "transparent": clear}
opened = {name: images.open_image(image) for name, image in odd.items()}
for name, image in opened.items():
    print(f"{name}: mode {odd[name].mode} becomes {image.shape}, mean {image.mean():.2f}")
page.show(plots.side_by_side(opened), "A cat, opened from four kinds of file.")

# %% [markdown] name="bad_files_text"
# <details><summary>Compare with your guess</summary>
#
# White, like paper: the dark parts of this cat.
#
# </details>
#
# A file that is not an image, or does not exist, is refused in one line that says what to do. Read the last line of any error first: it is written for you.

# %% name="bad_files"
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    half = images.find_image("cat").read_bytes()[:9999]
    files = {"empty.jpg": b"", "diary.jpg": b"Dear diary", "cut.png": half}
    for name, data in files.items():
        Path(folder, name).write_bytes(data)
    for source in [*(Path(folder, name) for name in files), folder, "brushstroke", "https://example.org/me.jpg"]:
        try:
            images.open_image(source)
        except ValueError as error:
            print(str(error).replace(folder + os.sep, "").replace(folder, "images"))

# %% [markdown] name="mine_text"
# Now yours, by the kit's own recipe. Replace "coffee" with the name of your file, choose a style, and run the cell. `result.save("mine.png")` keeps what you like.

# %% name="mine"
MINE, STYLE = "coffee", "stained-glass"  # such as "me.jpg", "~/Pictures/cat.png"; or a name from the next line
print("built in:", ", ".join(images.names()))
own = scaled("stylelab", setting.preset)  # from coarse to fine, by a loss of lesson 6
live = page.Live("Your image, being painted", steps=own.steps)
result = sl.transfer(MINE, STYLE, recipe=own, watch=live.show)
live.finish(result.image, "The image that was chosen, painted in the manner of the style image")

# %% [markdown] name="studio_text"
# ## 0.9 The studio
#
# The same without code: run the cell, choose or drag in two images, press *Paint*, and compare the results. Every run is a separate process, so it can be paused or stopped at any step, and it ends when you close the tab. *Settings* saves a file from which `stylelab transfer --settings` paints the same image again.
#
# In a terminal, `stylelab studio` opens it as a page of its own. To show a friend what this is about, with nothing to install: [try it in a browser]({{try_it}}).

# %% name="studio"
from stylelab import studio

studio()

# %% [markdown] name="quiz_text"
# ## Quiz
#
# Five questions, marked immediately. Without a kernel, unfold an answer to read the feedback on it.

# %% name="quiz"
page.quiz("00")

# %% [markdown] name="recap"
# ## What to remember
#
# 1. The first cell says what the machine has and which preset it runs at; `stylelab doctor` says what it lacks.
# 2. A check names your mistake and returns a function that works, so the lesson always continues.
# 3. A network expects one form of image. The Oxford weights want BGR, in 0..255, minus the mean; the way back is clipped.
# 4. Wrong numbers raise no error. Print shape and range whenever an image changes hands.
# 5. `sl.transfer(content, style)` takes paths and names; a bad file gets one line that says what to do.
#
# Your copy of the lessons is yours: `stylelab start` adds newer lessons next to the ones you have edited, and overwrites nothing.
#
# ## Going further
#
# - Do 0.7 again with `recipe="tf-tutorial"`; `stylelab recipes` lists them all, with their sources.
# - Write the preprocessing of torchvision: RGB in 0..1, minus (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225). What does the check for `preprocess` say about it?
# - `stylelab encoders download vgg19` fetches the network of the paper, 80 MB. From then on every lesson uses it automatically.
# - The next lesson asks what the filters of such a network see: [01_what_a_network_sees_{{module}}.ipynb](01_what_a_network_sees_{{module}}.ipynb)
#
# ## References
#
# 1. L. Gatys, A. Ecker, M. Bethge, *Image style transfer using convolutional neural networks*, CVPR 2016. [Open access](https://openaccess.thecvf.com/content_cvpr_2016/html/Gatys_Image_Style_Transfer_CVPR_2016_paper.html): what 0.7 does.
# 2. K. Simonyan, A. Zisserman, *Very deep convolutional networks for large-scale image recognition*, ICLR 2015. [arXiv:1409.1556](https://arxiv.org/abs/1409.1556): VGG-19; section 2.1 subtracts the mean.
# 3. The network's authors' [page](https://www.robots.ox.ac.uk/~vgg/research/very_deep/): the weights, and the mean colour in BGR.
