"""Questions about the machine, the checks, and the image that a network expects."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "The first cell reports 'cpu', and your machine has a GPU. What now?",
        right="Continue, and let `stylelab doctor` find the reason.",
        why="Every cell runs without a GPU, on smaller images; doctor names the missing driver or package.",
        wrong={
            "Stop: nothing works without the GPU.": "Everything works with the preset 'cpu': smaller images, fewer steps.",
            "Write 'gpu' into the preset.": "A preset sets the size of images and the length of runs, not the device.",
        },
    ),
    Question(
        "A check says 'wrong'. Which function do the next cells use?",
        right="The library's own.",
        why="A check returns your function if it is right and the library's if it is not, so no later cell fails.",
        wrong={
            "Yours, as it is.": "Then one mistake would spoil every cell after it, and you would look for it in the wrong cell.",
            "None: the lesson stops there.": "It never stops. You can come back to an exercise whenever you like.",
        },
    ),
    Question(
        "You give a network an image in 0..255 where it expects 0..1. What happens?",
        right="It computes something, without a warning.",
        why="A convolution multiplies and adds whatever it gets. You only notice if you look at the range.",
        wrong={
            "It raises an error.": "The shape is right, and nothing else is checked.",
            "It gives NaN.": "The numbers grow large, but they stay numbers.",
            "It notices and divides by 255.": "A network has no idea what an image should look like.",
        },
    ),
    Question(
        "After preprocessing for the Oxford weights, which colour has become 0, 0, 0?",
        right="The mean colour, a brownish grey.",
        why="The mean is subtracted, so a pixel of that colour becomes zero.",
        wrong={
            "Black.": "Black was 0 before the mean was subtracted; now it is minus the mean.",
            "Middle grey, 0.5.": "Close, but the mean is not the middle: 127.5 less the mean is still above 0 in every colour.",
        },
    ),
    Question(
        "You ask for an image called 'brushstroke', and an error appears. What do you read first?",
        right="Its last line.",
        why="It is one sentence that names the mistake and says what to do: did you mean 'brushstrokes'?",
        wrong={
            "Its first line, then downwards.": "That is how Python got there. What went wrong comes at the end.",
            "Nothing: restart the kernel.": "The name would still be wrong, and your variables would be gone.",
        },
    ),
)
