"""Questions about what a network sees."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "A filter responds with 1 where the image is darker on the left than on the right. What is its activation where the "
        "image is just as much brighter on the left?",
        right="0",
        why="The sum is -1 there, and the ReLU turns every negative number into 0.",
        wrong={
            "-1": "That is the sum before the ReLU; the activation comes after it.",
            "1": "The products have the opposite sign there, and so does their sum.",
        },
    ),
    Question(
        "Two 3 x 3 convolutions with stride 1 are followed by a 2 x 2 pooling with stride 2 and another 3 x 3 convolution. How "
        "many pixels wide is the receptive field?",
        right="10",
        why="1 + 2 + 2 + 1 up to the pooling, and then 2 steps of 2 pixels each.",
        wrong={
            "8": "After the pooling a step is two pixels wide, so the last convolution adds 4 and not 2.",
            "11": "Neighbouring windows overlap: start from one pixel, and let a kernel of size k add k - 1 steps.",
            "14": "The pooling's stride widens only the steps above it, not those below.",
        },
    ),
    Question(
        "You take a gradient to see where a filter looks. What do you differentiate with respect to?",
        right="The pixels of the image.",
        why="The filters are fixed; the gradient says how much the response changes with each pixel.",
        wrong={
            "The filter's nine numbers.": "That would be training. Here no filter changes.",
            "The position in the activation map.": "A position is a whole number: you choose it, you cannot differentiate with respect to it.",
        },
    ),
    Question(
        "Guided backpropagation draws a sharp outline of the cat. What does that prove?",
        right="Nothing yet: random weights draw outlines too.",
        why="The outlines are in the image. Only a comparison with random weights shows what was learned.",
        wrong={
            "The filter has learned cats.": "A random filter, which has learned nothing, draws an outline as well.",
            "The filter looks at edges only.": "Every image changes most at edges, whatever the filter responds to.",
        },
    ),
    Question(
        "You start gradient ascent from a grey image, and a filter's response stays 0 at every step. Why?",
        right="Its ReLU gives 0 at every position, so the gradient is 0.",
        why="A small change of the image does not wake a silent filter: start from stronger noise, or a photograph.",
        wrong={
            "The learning rate is too small.": "Any rate times a gradient of 0 gives a step of 0.",
            "The filter has no preferred image.": "It may well have one, but no slope leads there from this start.",
            "The total variation holds it back.": "It suppresses speckle, but here there is nothing to suppress.",
        },
    ),
)
