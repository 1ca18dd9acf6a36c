"""Questions about the whole transfer."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "You shuffle the positions of an activation in the same way for all filters. What happens to its Gram matrix?",
        right="It stays the same.",
        why="Each entry is a sum over positions, and a sum does not depend on the order.",
        wrong={
            "Its rows are shuffled.": "Rows belong to filters, and those stay where they are.",
            "It becomes diagonal.": "Filters that responded together still do, at other positions.",
        },
    ),
    Question(
        "You multiply alpha and beta by 10. Where is the minimum of the total loss?",
        right="Where it was.",
        why="The whole loss is ten times as large everywhere, so its lowest point does not move: only beta / alpha matters.",
        wrong={
            "Nearer to the content image.": "That needs a larger alpha with the same beta.",
            "Nearer to the style.": "That needs a larger beta with the same alpha.",
        },
    ),
    Question(
        "What does the optimiser change?",
        right="The pixels of the image.",
        why="They are the only unknowns; the gradient of the loss with respect to them says which way to go.",
        wrong={
            "The filters of the encoder.": "They are fixed. Changing them would change what the two losses measure.",
            "The Gram matrices of the style image.": "They are targets, computed once and then kept.",
            "alpha and beta.": "You choose those; an optimiser would simply set both to 0.",
        },
    ),
    Question(
        "A run starts from the content image. Which part of the loss is 0 at the first step?",
        right="The content loss.",
        why="The image is the content image, so the activations are equal. It has to rise for the style loss to fall.",
        wrong={
            "The style loss.": "That would need the style image's Gram matrices.",
            "Both.": "Then there would be nothing left to do: the two images would have the same style.",
            "The total variation.": "Only an image of one flat colour has none.",
        },
    ),
    Question(
        "A result is full of fine coloured speckle. What helps?",
        right="A larger weight for the total variation.",
        why="Speckle is a difference between neighbouring pixels, and that is what the total variation sums.",
        wrong={
            "A larger alpha / beta and nothing else.": "The speckle fades only together with the style.",
            "More steps.": "With this loss, the speckle is an improvement: more steps sharpen it.",
            "Starting from noise.": "That adds its own speckle, which has to be removed first.",
        },
    ),
)
