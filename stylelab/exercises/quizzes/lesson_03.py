"""Questions about style reconstruction."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "You shuffle the positions of one filter and leave all other filters alone. What happens to the Gram matrix?",
        right="Its diagonal stays; that filter's entries with the others change.",
        why="A filter still coincides with itself, but no longer with the others.",
        wrong={
            "Nothing: a Gram matrix ignores positions.": "It ignores them only if all filters move together.",
            "Everything changes.": "Entries without that filter, and its own entry on the diagonal, are the same sums as before.",
            "The diagonal changes and nothing else.": "The diagonal sums one filter's squares, and the order does not matter.",
        },
    ),
    Question(
        "You put two copies of an image next to each other, so it is twice as wide. Which Gram matrix doubles?",
        right="The raw one, F F^T.",
        why="It is a sum over positions, and there are twice as many; the other two divide by their number.",
        wrong={
            "The one per location.": "The sum and the number of positions both double, so their ratio stays the same.",
            "The one per element.": "It is divided by C H W, and H W doubles with the sum.",
            "All three.": "Two of them are divided by the number of positions, which doubles too.",
        },
    ),
    Question(
        "Why is the style loss between a painting and its copy at half the size not 0, even per location?",
        right="The strokes are half as wide in pixels, so other filters respond.",
        why="A filter always sees the same number of pixels. For an encoder, style is style at a certain scale.",
        wrong={
            "There are fewer positions.": "Per location, the sum is divided by that number; half of the painting shows it.",
            "The copy has other colours.": "Its mean colours are the same, but the widths of its lines are not.",
            "Position is lost in the copy.": "Position was never in the Gram matrix of either image.",
        },
    ),
    Question(
        "The style loss of a layer is exactly 0. What do you know?",
        right="The two activations have the same mean products of filters.",
        why="A Gram matrix holds nothing else: the second moments of the cloud of points.",
        wrong={
            "The two images are equal.": "A shuffled activation also has loss 0, and its image looks like noise.",
            "The two activations are equal up to the order of positions.": "Responses 0, 0, 0, 4 and 2, 2, 2, 2 are not, and yet their loss is 0.",
            "All other layers match as well.": "The table in 3.9 shows that a texture from conv1_1 does not match deeper layers.",
        },
    ),
    Question(
        "You generate a texture from conv1_1 alone. What does it share with the painting?",
        right="Its colours, in dots and blots.",
        why="conv1_1 sees 3 x 3 pixels: which colours there are, and which of them are direct neighbours.",
        wrong={
            "Its strokes, in the wrong colours.": "It is the other way round: strokes need layers that see more than 3 pixels.",
            "Its hills, in other places.": "Hills are far larger than what conv1_1 sees at once.",
            "Nothing: one layer is not enough.": "It is enough for what that layer sees, which is colour.",
        },
    ),
)
