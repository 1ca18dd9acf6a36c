"""Questions on style reconstruction."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "You shuffle the places of one filter and leave all other filters alone. What happens to the Gram matrix?",
        right="Its diagonal stays; that filter's entries with the others change.",
        why="With itself a filter still answers at its own places, but with the others it now meets elsewhere.",
        wrong={
            "Nothing: a Gram matrix forgets places.": "It forgets them only when all filters move together.",
            "Everything changes.": "Entries without that filter, and its own on the diagonal, are the same sums as before.",
            "The diagonal changes and nothing else.": "The diagonal sums one filter's squares, in whatever order.",
        },
    ),
    Question(
        "An image is put beside its own copy, so that it is twice as wide. Which Gram matrix doubles?",
        right="The raw one, F F^T.",
        why="It is a sum over places, and there are twice as many; the other two divide by that number.",
        wrong={
            "The one per location.": "Sum and number of places double, so their ratio stays.",
            "The one per element.": "It is divided by C H W, and H W doubles with the sum.",
            "All three.": "Two of them are divided by the number of places, which doubles too.",
        },
    ),
    Question(
        "A painting and a copy of it at half its size: why is the style loss between them not 0, even per location?",
        right="Strokes are half as wide in pixels, so other filters answer.",
        why="A filter always sees the same number of pixels. Style, for an encoder, is style at a certain scale.",
        wrong={
            "There are fewer places.": "Per location, that number is divided away; half a painting shows it.",
            "The copy has other colours.": "Its mean colours are the same; the widths of its lines are not.",
            "Position is lost in the copy.": "Position was never in the Gram matrix, of either image.",
        },
    ),
    Question(
        "The style loss of a layer is exactly 0. What do you know?",
        right="The two activations have the same mean products of filters.",
        why="That is all that a Gram matrix holds: the second moments of the cloud of points.",
        wrong={
            "The two images are equal.": "A shuffled activation has loss 0 too, and looks like noise.",
            "The two activations are equal up to the order of places.": "Answers 0, 0, 0, 4 and 2, 2, 2, 2 are not, and have loss 0.",
            "All other layers match as well.": "The table in 3.9 shows how deeper layers are missed by a texture from conv1_1.",
        },
    ),
    Question(
        "A texture is painted from conv1_1 alone. What will it have of the painting?",
        right="Its colours, in dots and blots.",
        why="conv1_1 sees 3 x 3 pixels: which colours there are, and which stand directly beside each other.",
        wrong={
            "Its strokes, in wrong colours.": "It is the other way round: strokes need layers that see more than 3 pixels.",
            "Its hills, at other places.": "Hills are far larger than what conv1_1 sees at a time.",
            "Nothing: one layer is not enough.": "It is enough for what that layer sees, which is colour.",
        },
    ),
)
