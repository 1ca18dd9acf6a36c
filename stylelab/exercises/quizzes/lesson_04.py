"""Questions on the full transfer."""

from stylelab.exercises.quizzes.question import Question

QUIZ = (
    Question(
        "You shuffle the places of an activation, the same way for all filters. What happens to its Gram matrix?",
        right="It stays the same.",
        why="Each entry is a sum over places, and a sum does not depend on the order.",
        wrong={
            "Its rows are shuffled.": "Rows belong to filters, and those stay where they are.",
            "It becomes diagonal.": "Filters that answered together still do, at other places.",
        },
    ),
    Question(
        "You multiply alpha and beta by 10. Where is the minimum of the total loss?",
        right="Where it was.",
        why="The whole loss is ten times as large everywhere, so its lowest point does not move: only beta / alpha counts.",
        wrong={
            "Nearer to the content image.": "That needs a larger alpha for the same beta.",
            "Nearer to the style.": "That needs a larger beta for the same alpha.",
        },
    ),
    Question(
        "What is moved by the optimiser?",
        right="The pixels of the image.",
        why="They are the only unknowns; the gradient of the loss with respect to them says where to go.",
        wrong={
            "The filters of the encoder.": "They are frozen. Moving them would change what the two losses measure.",
            "The Gram matrices of the style image.": "They are targets, computed once and then kept.",
            "alpha and beta.": "You choose those; an optimiser would simply set both to 0.",
        },
    ),
    Question(
        "The run starts from the content image. Which part of the loss is 0 at the first step?",
        right="The content loss.",
        why="The image is the content image, so the activations are equal. It must rise for the style loss to fall.",
        wrong={
            "The style loss.": "That would need the style image's Gram matrices.",
            "Both.": "Then there would be nothing left to do: the two images would have the same style.",
            "The total variation.": "Only an image of one flat colour has none.",
        },
    ),
    Question(
        "A result is full of fine coloured speckle. What helps?",
        right="A larger weight for the total variation.",
        why="Speckle is a difference between neighbours, and that is what it sums.",
        wrong={
            "A larger alpha / beta and nothing else.": "The speckle fades only together with the style.",
            "More steps.": "The speckle lowers the loss as it stands: more steps sharpen it.",
            "Starting from noise.": "That brings speckle of its own, which must be removed first.",
        },
    ),
)
