"""Questions on what a network sees."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "A filter answers 1 where it is darker on the left than on the right. What is its activation where it is brighter on "
        "the left, just as much?",
        right="0",
        why="The sum is -1 there, and the ReLU turns everything negative into 0.",
        wrong={
            "-1": "That is the sum before the ReLU; an activation is what remains after it.",
            "1": "The products have the opposite sign there, so their sum has too.",
        },
    ),
    Question(
        "Two convolutions of 3 x 3 with stride 1, then a pooling of 2 x 2 with stride 2, then a convolution of 3 x 3. How many "
        "pixels wide is the receptive field?",
        right="10",
        why="1 + 2 + 2 + 1 for what lies up to the pooling, and then 2 steps of 2 pixels each.",
        wrong={
            "8": "Behind the pooling a step is two pixels wide, so the last convolution adds 4 and not 2.",
            "11": "Neighbouring windows overlap: a kernel of k adds k - 1 steps, and the beginning is one pixel.",
            "14": "The pooling's own stride widens only what comes above it, not its own kernel.",
        },
    ),
    Question(
        "What is the unknown when you take the gradient to see where a filter looks?",
        right="The pixels of the image.",
        why="Filters are frozen; the gradient says how much the answer changes with each pixel.",
        wrong={
            "The filter's nine numbers.": "That is the gradient of training. Here no filter is to be changed.",
            "The place in the activation map.": "A place is chosen, not differentiated: it is a whole number.",
        },
    ),
    Question(
        "Guided backpropagation draws a sharp outline of the cat. What does that prove?",
        right="Nothing yet: random weights draw outlines too.",
        why="Outlines are in the image. Only the comparison with random weights shows what was learned.",
        wrong={
            "The filter has learned cats.": "A random filter, which has learned nothing, gives an outline as well.",
            "The filter looks at edges only.": "It is the image that changes most at edges, whatever the filter asks for.",
        },
    ),
    Question(
        "You climb from a grey image, and a filter's answer stays 0 for all steps. Why?",
        right="Its ReLU is shut at every place, so the gradient is 0.",
        why="A small change of the image changes nothing in what is silent: start from stronger noise, or a photograph.",
        wrong={
            "The learning rate is too small.": "Any rate times a gradient of 0 is no step at all.",
            "The filter has no favourite image.": "It may well have: there is just no slope that leads there from this start.",
            "The total variation holds it back.": "It holds back speckle, but a silent filter gives it nothing to hold.",
        },
    ),
)
