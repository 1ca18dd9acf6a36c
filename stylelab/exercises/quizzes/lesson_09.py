"""Questions about styles in one step: moving the statistics of an activation, and decoding it."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "A decoder turns an activation of conv3_1 back into an image in one pass, and the image is blurred. Why?",
        right="Many images have nearly this activation, and the decoder gives something like their mean.",
        why="Deep layers forget where exactly an edge was. Of what is forgotten, an average is left.",
        wrong={
            "It was trained with blurred images.": "It was trained with sharp ones, and for conv1_1 it is sharp.",
            "One pass is too short: ten passes would be sharp.": "A second pass would start from the same activation, and know nothing more.",
            "The activation has fewer rows and columns than the image, so pixels are doubled.": "It has more filters in return; pixels that are doubled "
            "would show as squares.",
        },
    ),
    Question(
        "After AdaIN, what may still differ between the moved activation and the style's?",
        right="Which filters respond together.",
        why="Each filter is moved by itself, so all covariances between two filters are only rescaled.",
        wrong={
            "Each filter's mean.": "It is the style's: that is half of what AdaIN does.",
            "Each filter's standard deviation.": "It is the style's: that is half of what AdaIN does.",
            "Nothing.": "Only two numbers for each filter are matched.",
        },
    ),
    Question(
        "Whitening and colouring, and the optimal transport map, reach the same mean and covariance. What is different?",
        right="Where each single point goes.",
        why="Between the two steps the cloud may be turned in any way. One of all these ways is the shortest.",
        wrong={
            "The Gram matrix that is reached.": "Mean and covariance determine it: it is the same.",
            "How often each filter responds 0.": "Neither of the two maps looks at zeros.",
            "The Wasserstein distance that is left, between Gaussians.": "It is 0 for both: means and covariances are the style's.",
        },
    ),
    Question(
        "The points of a cloud are moved by the optimal transport map. What is the mean of their squared ways?",
        right="The squared Wasserstein distance between the two Gaussians.",
        why="That distance is the cheapest plan's cost, and this map is the plan.",
        wrong={
            "The squared difference of the two Gram matrices.": "That compares two tables of numbers, and knows of no way.",
            "0, since the map is optimal.": "It is the smallest that is possible, and 0 only for a style that is reached already.",
            "The squared difference of the means.": "That is a part of it: the spread costs something too.",
        },
    ),
    Question(
        "A network that paints any style reads statistics of an encoder's layers and of the colours. Which two styles can it not tell apart?",
        right="Two with the same statistics.",
        why="It sees nothing else of the style, so it gets the same input.",
        wrong={
            "Two that it was not trained with.": "New numbers are read like any others, and if they are like those of the training, painted well.",
            "One painting in two sets of colours.": "Other colours have other means, and give the filters other means too.",
            "One painting, and the same upside down.": "Most filters see a difference: an upper edge is now a lower one.",
        },
    ),
)
