"""Questions about style losses as distances between clouds of points."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "Which maximum mean discrepancy is the Gram loss, up to a factor?",
        right="The one with the kernel k(u, v) = (u · v)^2.",
        why="Its features are all products of two responses, and their means are the entries of the Gram matrix.",
        wrong={
            "The one with the kernel k(u, v) = u · v.": "Its features are the responses themselves, so it compares means alone.",
            "The one with the kernel k(u, v) = (u · v + 1)^2.": "Almost: the 1 adds the responses to the features, so it compares means as well.",
            "The one with a Gaussian kernel.": "It sees the whole cloud; a Gram matrix holds second moments and nothing else.",
        },
    ),
    Question(
        "A run with a Gram loss ends at loss 0, and its colours are paler than the painting's. How can that be?",
        right="Too high a mean makes up for too small a spread.",
        why="A Gram matrix is covariance plus mean times mean, and the loss sees only the sum.",
        wrong={
            "It cannot: at loss 0 the clouds are equal.": "The two dots and the ring were not equal to the band, and had its Gram matrix.",
            "The optimiser stopped too early.": "Then the loss would not be 0.",
            "The Gram matrices were divided by the number of positions.": "That only lets images differ in size.",
        },
    ),
    Question(
        "Two clouds on a line are shifted: y = x + 3. What is their squared Wasserstein distance?",
        right="9.",
        why="Every point goes 3 to the right, in order, and a way costs its square.",
        wrong={
            "3.": "That is the way; the cost is its square.",
            "0, as they have the same shape.": "Shape is not all: all the points have to be moved.",
            "It depends on how many points there are.": "It is a mean over points, and each of them pays 9.",
        },
    ),
    Question(
        "Each filter's responses have exactly the style's histogram, and yet the image looks wrong. What may be missing?",
        right="Which filters respond together.",
        why="Histograms look at one filter at a time. Shuffle one filter alone, and all of them stay as they are.",
        wrong={
            "The right means.": "A histogram fixes the mean.",
            "The right contrast.": "A histogram fixes the deviation, and all else about one filter.",
            "Nothing: equal histograms mean equal clouds.": "With filter 2 shuffled, the band became a square, with the same histograms.",
        },
    ),
    Question(
        "A painting is nine tenths sky and one tenth sun. Which loss lets an image consist of sun alone?",
        right="Nearest neighbours: every point finds one, however often it is chosen.",
        why="It asks whether a response occurs in the style, and not how often.",
        wrong={
            "Sliced Wasserstein.": "Nine tenths of the sorted points would have to move a long way.",
            "Mean and covariance.": "The mean would be the sun's, and not the painting's.",
            "The Gram loss.": "Its entries are means over all positions, so how often counts.",
        },
    ),
)
