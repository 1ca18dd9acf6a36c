"""Questions about the five tutorials, their mistakes, and a fair race of optimisers."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "An image x has shape (1, H, W, 3). How does x[:, H-1, 1:] differ from x[:, :H-1, 1:]?",
        right="It has one axis less, and only the last row.",
        why="An index removes its axis; broadcasting then repeats the one row for all others, without an error.",
        wrong={
            "It has one more row.": "It has a single row: H-1 is the index of the last row, not a range.",
            "It has the last column.": "Both leave out the first column and keep the last one: the difference is in the rows.",
            "It does not: both leave out the last row.": "Only :H-1 does, which is a range from 0. H-1 alone is a single row.",
        },
    ),
    Question(
        "Content loss and style loss are multiplied instead of added. Where can the product be 0?",
        right="Wherever either loss is 0.",
        why="One factor is enough, so a run that starts from the photograph has nothing left to do.",
        wrong={
            "Only where both are 0.": "That would be the weighted sum, where neither part can hide behind the other.",
            "At a compromise that depends on the exponents.": "At a compromise both losses are above 0, and so is their product.",
        },
    ),
    Question(
        "You multiply the whole loss by 1000. Which optimiser needs a new learning rate?",
        right="Plain gradient descent (SGD).",
        why="Its step is the learning rate times the gradient, which is now 1000 times as long.",
        wrong={
            "Adam.": "It divides each gradient by its usual size, so the factor cancels.",
            "L-BFGS.": "It estimates the curvature, which grows by the same factor, so the factor cancels.",
            "None: the lowest point does not move.": "The lowest point stays, but the steps towards it change.",
        },
    ),
    Question(
        "Why is a clamp inside the function that L-BFGS evaluates worse than one after each step of Adam?",
        right="L-BFGS remembers a move that was never made.",
        why="It estimates curvature from moves and changes of the gradient. Adam remembers only gradients, which stay true.",
        wrong={
            "L-BFGS needs values outside 0..1.": "It can respect bounds if it knows them, as L-BFGS-B does.",
            "It is slower.": "A clamp takes almost no time. The trouble is what the method believes.",
            "Adam ignores the clamp.": "The image is clamped in both. But Adam's memory does not depend on how far the image moved.",
        },
    ),
    Question(
        "Recipe A ends with loss 3, recipe B with loss 4000. Which image is better?",
        right="The two numbers do not tell you.",
        why="One recipe averages and the other sums, at other layers and with other weights. Compare both with the same loss.",
        wrong={
            "A, because its loss is lower.": "Multiply A's weights by a million: its image stays the same, but its loss does not.",
            "B, because its loss is higher.": "A higher number may only mean that B sums where A averages.",
        },
    ),
)
