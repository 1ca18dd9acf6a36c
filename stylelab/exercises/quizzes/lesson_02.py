"""Questions about feature reconstruction."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "Two images have the same activation at conv4_1. What follows?",
        right="That layer cannot tell them apart.",
        why="It says exactly the same about both. Whatever differs between them is lost.",
        wrong={
            "The two images are the same.": "Many images lead to the same activation, and the deeper the layer, the more there are.",
            "They have the same activation at conv1_1.": "Shallower layers may still tell them apart: section 2.6 has such a pair.",
            "They differ at conv5_1.": "conv5_1 is computed from conv4_1 alone, so it is the same for both.",
        },
    ),
    Question(
        "One result has a PSNR that is 20 dB higher than another. What does that say about its pixels?",
        right="Their errors are a tenth of the size.",
        why="20 dB mean a hundredth of the mean squared error, and the root of that is a tenth.",
        wrong={
            "Their errors are a twentieth of the size.": "Decibels are a logarithm: 20 dB is not a factor of 20.",
            "Their errors are a hundredth of the size.": "The mean squared error is a hundredth; the pixels' errors are its root.",
        },
    ),
    Question(
        "Two results have the same PSNR, but the second one's structural similarity is much lower. What is likely?",
        right="The second one is full of speckle.",
        why="Speckle breaks up the structure in every window, while the pixels' errors may add up to the same.",
        wrong={
            "The second one is a little brighter.": "A change of brightness leaves the structure, and so its similarity, almost unchanged.",
            "One of them was measured wrongly.": "The two measures look at different things, so they may well disagree.",
        },
    ),
    Question(
        "A reconstruction looks like noise, and J is still 90 % of its first value. What do you know about the layer?",
        right="Nothing yet.",
        why="The optimiser has not arrived yet, so the image says something about the optimiser and not about the layer.",
        wrong={
            "It has lost the image.": "Only an image with J near 0 shows what the layer has lost.",
            "Its weights are random.": "Random weights can be slow to invert, but so can learned ones.",
        },
    ),
    Question(
        "You want to know which of two optimisers is better for your reconstruction. What do you compare?",
        right="The seconds that each needs to reach the same loss.",
        why="Same start, same goal, same machine: the price is time.",
        wrong={
            "Their losses after 100 steps.": "A step of one may take far longer than a step of the other.",
            "Their losses after the first step.": "The one that starts fast does not always finish first.",
            "Their learning rates.": "They mean different things in different methods, and L-BFGS sets its own.",
        },
    ),
    Question(
        "What does a little total variation do for a reconstruction from a deep layer?",
        right="Of all images with the same activation, it prefers a smooth one.",
        why="The layer does not determine fine patterns, so something else has to.",
        wrong={
            "It shows the layer what the photograph looks like.": "It knows nothing about the photograph: it only compares neighbouring pixels of x.",
            "It makes J smaller.": "It adds a second goal. In the end, J is at best as small as without it.",
            "It brings back the colours that were lost.": "It can only smooth colours: it does not know which ones are right.",
        },
    ),
)
