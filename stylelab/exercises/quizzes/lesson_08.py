"""Questions about networks that paint in one pass: what they learn, what a style is to them, and what they cannot do."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "A transfer by optimisation and the training of a network both lower a loss, step by step. What does each of them move?",
        right="The transfer moves the pixels of one image; the training moves the numbers of the network.",
        why="So a transfer's work is used up with its image, and a training's work helps to paint every image after it.",
        wrong={
            "Both move the filters of the encoder.": "The encoder only measures, in both cases, and stays as it is.",
            "Both move the pixels of one image.": "A training sees another batch of photographs at each step, and keeps none of them.",
            "The transfer moves a Gram matrix; the training moves the pixels.": "A Gram matrix is the target, and no step changes it.",
        },
    ),
    Question(
        "A photograph loses half of its contrast. What does instance normalisation change about what the first filters pass on?",
        right="It passes on nearly the same as before.",
        why="Each filter's mean is subtracted, and what is left is divided by its deviation, which is halved as well.",
        wrong={
            "It passes on half of the responses.": "That is what filters do without it: they are linear in the pixels.",
            "It passes on the responses of the whole batch.": "It looks at one image at a time, whatever else is in the batch.",
            "It passes on twice the responses.": "Then contrast would matter again, only the other way round.",
        },
    ),
    Question(
        "A network of a million numbers has learned a style, with two numbers for each of its 1,000 normalised filters. What does a second style need?",
        right="Another 2,000 numbers, and a training that moves only those.",
        why="Filters are shared by all styles; a gain and a bias for each of them say how they are used.",
        wrong={
            "Another million numbers.": "That is how it was before conditional instance normalisation: one network for each style.",
            "No training, only the new style image.": "These numbers have to be found; lesson 9 is about networks that read them from the image.",
            "Another 1,000 filters.": "Filters stay as they are. What changes is how strongly each of them counts.",
        },
    ),
    Question(
        "What can an optimisation do that a trained network cannot?",
        right="Look at its result after every step, and improve it.",
        why="A network has one pass, and does not see what came of it.",
        wrong={
            "Paint photographs that it has never seen.": "A network does so too: that is what it was trained for.",
            "Use a GPU.": "Both can, and both are faster there.",
            "Mix two styles.": "A network mixes their gains and biases, and needs no new training for that.",
        },
    ),
    Question(
        "A film is painted frame by frame, always in the same style. The camera moves a little. Why does the result flicker?",
        right="Small changes of a frame become large ones of its strokes.",
        why="Nothing tells the network where the strokes of the frame before were, so each frame has strokes of its own.",
        wrong={
            "The network draws random numbers.": "It draws none: the same frame gives the same image, to the last digit.",
            "The code changes between two frames.": "It is the same code all along.",
            "The network forgets the style after a while.": "Its numbers are fixed after the training.",
        },
    ),
)
