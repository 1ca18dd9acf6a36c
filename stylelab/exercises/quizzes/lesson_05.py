"""Questions on the five tutorials, their slips, and a fair race of optimisers."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "An image x is (1, H, W, 3). What has x[:, H-1, 1:] that x[:, :H-1, 1:] has not?",
        right="One axis less, and only the last row.",
        why="An index takes its axis away; broadcasting then stretches the one row over all others, without an error.",
        wrong={
            "One row more.": "It has a single row: H-1 is the number of the last one, not a range.",
            "The last column.": "Both leave out the first column and keep the last: the difference is in the rows.",
            "Nothing: both leave out the last row.": "Only :H-1 does, which is a range from 0. H-1 alone is one row.",
        },
    ),
    Question(
        "Content and style loss are multiplied instead of added. Where can the product be 0?",
        right="Wherever either loss is 0.",
        why="One factor is enough, so a run that starts from the photograph has nothing left to do.",
        wrong={
            "Only where both are 0.": "That is the weighted sum, where no part can hide behind the other.",
            "At a compromise that the powers choose.": "A compromise has both losses above 0, and so has their product.",
        },
    ),
    Question(
        "You multiply the whole loss by 1000. Which optimiser needs a new learning rate?",
        right="Plain gradient descent (SGD).",
        why="Its step is the rate times the gradient, which is now 1000 times as long.",
        wrong={
            "Adam.": "It divides each gradient by its usual size, so the factor cancels.",
            "L-BFGS.": "It has learned the curvature, which grows by the same factor, and the factor cancels.",
            "None: the lowest point does not move.": "The lowest point stays, but the steps towards it need not.",
        },
    ),
    Question(
        "Why is a clamp inside the function that L-BFGS evaluates worse than one after each step of Adam?",
        right="L-BFGS remembers a move that was not made.",
        why="It learns curvature from moves and changes of the gradient. Adam remembers gradients only, which stay true.",
        wrong={
            "L-BFGS needs values outside 0..1.": "It can keep to bounds, if it is told of them, as L-BFGS-B is.",
            "It is slower.": "A clamp costs next to nothing. The trouble is what the method believes.",
            "Adam ignores the clamp.": "The image is clamped in both. Adam's memory does not depend on how far it moved.",
        },
    ),
    Question(
        "Recipe A ends with loss 3, recipe B with loss 4000. Which is the better image?",
        right="The two numbers do not say.",
        why="One recipe averages, the other sums, at other layers and with other weights. Compare on one loss.",
        wrong={
            "A, because its loss is lower.": "Multiply A's weights by a million and its image stays, but not its loss.",
            "B, because its loss is higher.": "A higher number may only mean that B sums where A averages.",
        },
    ),
)
