"""Questions on the machine, the checks, and what a network expects of an image."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "The first cell reports 'cpu', and your machine has a GPU. What now?",
        right="Go on, and ask `stylelab doctor` what is missing.",
        why="Every cell runs without a GPU, on smaller images; doctor names the driver or the package that is lacking.",
        wrong={
            "Stop: nothing works without the GPU.": "Everything works, at the preset 'cpu': smaller images, fewer steps.",
            "Write 'gpu' into the preset.": "A preset sets the size of images and the length of runs, not the device.",
        },
    ),
    Question(
        "A check says 'not yet'. Which function do the next cells use?",
        right="The library's own.",
        why="A check hands back your function when it is right and the library's when it is not, so no later cell fails.",
        wrong={
            "Yours, as it is.": "Then one mistake would spoil every cell after it, and you would look for it in the wrong place.",
            "None: the lesson stops there.": "It never stops. You may come back to an exercise whenever you like.",
        },
    ),
    Question(
        "You give a network an image in 0..255 where it expects 0..1. What happens?",
        right="It computes something, and says nothing.",
        why="A convolution multiplies and adds whatever it is given. Only looking at shapes and ranges shows the mistake.",
        wrong={
            "It raises an error.": "The shape is right, and nothing else is ever looked at.",
            "It gives NaN.": "The numbers grow large, but they stay numbers.",
            "It notices and divides by 255.": "A network has no idea of what an image is meant to be.",
        },
    ),
    Question(
        "After preprocessing for the Oxford weights, which colour has the numbers 0, 0, 0?",
        right="The mean colour, a brownish grey.",
        why="The mean is subtracted, so a pixel of that colour becomes zero.",
        wrong={
            "Black.": "Black was 0 before the mean was subtracted; now it is minus the mean.",
            "Middle grey, 0.5.": "Close, but the mean is not the middle: 127.5 less the mean is still above 0 in every colour.",
        },
    ),
    Question(
        "You type 'brushstroke' for an image, and an error appears. What do you read first?",
        right="Its last line.",
        why="It is one sentence that names what came and what to do: did you mean 'brushstrokes'?",
        wrong={
            "Its first line, then downwards.": "That is where Python tells how it got there. What went wrong stands at the end.",
            "Nothing: restart the kernel.": "The name would still be wrong afterwards, and your variables gone.",
        },
    ),
)
