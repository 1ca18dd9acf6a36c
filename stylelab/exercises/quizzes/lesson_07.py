"""Questions about where style goes, its colours, and how much of it there is."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "A region has a tenth of all positions. By mistake its Gram matrix is divided by the number of all positions. What happens?",
        right="Its entries are ten times too small, so it looks like another style.",
        why="Only the region's own positions were summed, so their number is what to divide by.",
        wrong={
            "Nothing: the order of positions does not matter.": "Their order does not, but their number does: it is in the denominator.",
            "The region is painted ten times as strongly.": "Its target is wrong, so it is painted with weaker responses, and not with more style.",
            "The border of the region becomes soft.": "How soft a border is depends on how many pixels a filter sees.",
        },
    ),
    Question(
        "Every pixel of a result should keep the photograph's hue, whatever the stroke. Which way?",
        right="Paint luminance only.",
        why="Then the run changes how bright a pixel is, and its hue is the photograph's.",
        wrong={
            "Match the painting's colours before the run.": "Then the palette is the photograph's, but a stroke may lie anywhere.",
            "Give the content loss a higher weight.": "That keeps shapes as well, and colours only as far as a filter sees them.",
            "Choose a painting in grey.": "Its style is grey, and the result turns grey with it.",
        },
    ),
    Question(
        "You paint with the painting at twice its size. What is twice as large in the result?",
        right="Its strokes, in pixels.",
        why="A filter sees a fixed number of pixels, and in them strokes that are twice as wide.",
        wrong={
            "The result.": "Its size is the photograph's.",
            "The Gram matrices.": "They are divided by the number of positions.",
            "The weight of the style.": "It stays as it is: the target changes, and its price does not.",
        },
    ),
    Question(
        "Why are covariances of two paintings not averaged for a blend?",
        right="The average lacks the spread between the two paintings' means.",
        why="Next to each other, a dark and a light painting have spread, even if each has one colour.",
        wrong={
            "Covariances of images of two sizes cannot be added.": "They are divided by their numbers of positions, so they can be added.",
            "It would take too long.": "It costs as much as averaging Gram matrices.",
            "The average is no covariance matrix.": "It is one, but not that of both paintings next to each other.",
        },
    ),
    Question(
        "What does a strength of 0.5 ask for?",
        right="Statistics halfway between the photograph's own and the painting's.",
        why="The photograph counts as a second style, with the rest of the weight.",
        wrong={
            "Half of the steps.": "An unfinished run has no aim of its own; this one has, and reaches it.",
            "Half of the style weight.": "The price stays the same. What is asked for changes.",
            "Each pixel halfway between photograph and full style.": "That is a double exposure; statistics know no pixels.",
        },
    ),
)
