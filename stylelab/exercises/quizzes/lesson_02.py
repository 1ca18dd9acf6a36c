"""Questions on feature reconstruction."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "Two images have the same activation at conv4_1. What follows?",
        right="That layer cannot tell them apart.",
        why="The same activation is all that it says about both. What differs between them, it has lost.",
        wrong={
            "The two images are the same.": "Many images lead to one activation, the more the deeper the layer.",
            "They have the same activation at conv1_1.": "Shallower layers may tell them apart: section 2.6 has such a pair.",
            "They differ at conv5_1.": "conv5_1 is computed from conv4_1 alone, so it is the same for both.",
        },
    ),
    Question(
        "A better image has a PSNR that is 20 dB higher. What does that say about its pixels?",
        right="They are off by a tenth as much.",
        why="20 dB are a hundredth of the mean square error, and its root is a tenth.",
        wrong={
            "They are off by a twentieth as much.": "Decibels are a logarithm: they do not divide.",
            "They are off by a hundredth as much.": "The mean square error is a hundredth; pixels are off by its root.",
        },
    ),
    Question(
        "The PSNR of two results is the same, and the second one's structural similarity is much lower. What is likely?",
        right="The second one is full of speckle.",
        why="Speckle breaks up the structure in every window, while the errors of pixels may sum to the same.",
        wrong={
            "The second one is a little brighter.": "A change of light leaves the structure, and so its similarity, almost as it was.",
            "One of them was measured wrongly.": "The two rulers measure different things, so they may well disagree.",
        },
    ),
    Question(
        "A reconstruction looks like noise, and J is still 90 % of its first value. What do you know about the layer?",
        right="Nothing yet.",
        why="The search has not arrived, so the image says something about the optimiser and not about the layer.",
        wrong={
            "It has lost the image.": "Only an image whose J is near 0 shows what the layer leaves open.",
            "Its weights are random.": "Random weights can be slow to invert, but so can learned ones.",
        },
    ),
    Question(
        "You want to know which of two optimisers is better for your reconstruction. What do you compare?",
        right="The seconds that each needs to reach the same loss.",
        why="Same start, same goal, same machine: time is what you pay.",
        wrong={
            "Their losses after 100 steps.": "A step of one may cost far more than a step of the other.",
            "Their losses after the first step.": "Who starts fast does not always finish first.",
            "Their learning rates.": "These mean different things in different methods, and L-BFGS sets its own.",
        },
    ),
    Question(
        "What does a little total variation do for a reconstruction from a deep layer?",
        right="Of all images that the layer takes for the photograph, it prefers a smooth one.",
        why="The layer leaves fine patterns open, so something else must decide on them.",
        wrong={
            "It tells the layer what the photograph looks like.": "It knows nothing of the photograph: it only looks at neighbours in x.",
            "It makes J smaller.": "It adds a second wish. In the end J is at best as small as without it.",
            "It brings back the colours that were lost.": "It can only smooth colours: which ones are right it does not know.",
        },
    ),
)
