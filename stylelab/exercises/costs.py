"""Exercises on how the parts of a loss are weighed against each other."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Mistake, Property


def total_cost(content, style, alpha, beta):
    """The weighted sum of two losses, scalars of any kind. Source: Gatys et al. 2016, equation 7."""
    return alpha * content + beta * style


def balance(content, style, share):
    """The factor for the style loss that makes it `share` (0..1) of the total, when the content's factor is 1."""
    return share * content / ((1 - share) * style)


def _cost_cases(rng):
    content, style = (float(np.float32(rng.uniform(1, 3))) for _ in range(2))
    alpha, beta = (float(np.float32(rng.uniform(0.3, 0.9))) for _ in range(2))
    plain = {"content": np.float32(content), "style": np.float32(style), "alpha": alpha, "beta": beta + 1}
    return {
        "plain": plain,
        "no content": plain | {"alpha": 0.0},
        "doubled": plain | {"alpha": 2 * alpha, "beta": 2 * (beta + 1)},
    }


TOTAL_COST = Exercise(
    id="total_cost",
    title="J = alpha J_content + beta J_style.",
    arguments={"content": "scalar", "style": "scalar", "alpha": "number", "beta": "number"},
    result="scalar",
    cases=_cost_cases,
    reference=total_cost,
    differentiable="style",
    mistakes=(
        Mistake("alpha and beta are swapped: alpha goes with the content, beta with the style.",
                lambda content, style, alpha, beta: beta * content + alpha * style),
        Mistake("10 and 40 are written into the function: use the alpha and beta that are given.",
                lambda content, style, alpha, beta: 10 * content + 40 * style),
        Mistake("40 and 10 are written into the function, and swapped: use the alpha and beta that are given.",
                lambda content, style, alpha, beta: 40 * content + 10 * style),
        Mistake("The losses are added without their weights alpha and beta.",
                lambda content, style, alpha, beta: content + style),
        Mistake("alpha and beta are exponents there, and must be factors.",
                lambda content, style, alpha, beta: content**alpha * style**beta),
        Mistake("alpha and beta are exponents there, and must be factors.",
                lambda content, style, alpha, beta: content**alpha + style**beta),
        Mistake("The losses are squared: they are squares already, so weigh them as they are.",
                lambda content, style, alpha, beta: alpha * content**2 + beta * style**2),
        Mistake("The losses are divided by alpha and beta: multiply.",
                lambda content, style, alpha, beta: content / alpha + style / beta),
        Mistake("The style's weight is 1 - alpha there: it is beta.",
                lambda content, style, alpha, beta: alpha * content + (1 - alpha) * style),
        Mistake("alpha and beta are added to the losses: they must be factors.",
                lambda content, style, alpha, beta: alpha + content + beta + style),
        Mistake("alpha and beta are added to the losses: they must be factors.",
                lambda content, style, alpha, beta: (alpha + content) * (beta + style)),
        Mistake("The parts are multiplied with each other: add them.",
                lambda content, style, alpha, beta: alpha * content * beta * style),
        Mistake("The sum is divided by alpha + beta: leave it as it is.",
                lambda content, style, alpha, beta: (alpha * content + beta * style) / (alpha + beta)),
        Mistake("That is the mean of the two parts where the sum is asked for.",
                lambda content, style, alpha, beta: (alpha * content + beta * style) / 2),
        Mistake("The style is subtracted: both parts are to become small, so add them.",
                lambda content, style, alpha, beta: alpha * content - beta * style),
        Mistake("beta weighs both parts: alpha goes with the content.",
                lambda content, style, alpha, beta: beta * (content + style)),
        Mistake("alpha weighs both parts: beta goes with the style.",
                lambda content, style, alpha, beta: alpha * (content + style)),
        Mistake("The style is missing from the sum.", lambda content, style, alpha, beta: alpha * content),
        Mistake("The content is missing from the sum.", lambda content, style, alpha, beta: beta * style),
    ),
    properties=(
        Property("alpha 0 drops the content", "With alpha = 0 only beta J_style may be left.",
                 lambda cases, outputs: np.isclose(outputs["no content"], _part(cases["no content"], "style", "beta"), rtol=1e-4)),
        Property("linear in the weights", "Twice alpha and beta must give twice the total.",
                 lambda cases, outputs: np.isclose(outputs["doubled"], 2 * outputs["plain"], rtol=1e-4)),
    ),
)  # fmt: skip


def _part(case, loss: str, weight: str) -> float:
    return float(case[loss]) * case[weight]


def _balance_cases(rng):
    content, style = float(rng.uniform(2, 9)), float(rng.uniform(0.001, 0.1))
    share = float(rng.uniform(0.6, 0.9))
    return {
        "plain": {"content": content, "style": style, "share": share},
        "half": {"content": content, "style": style * float(rng.uniform(0.5, 2)), "share": 0.5},
        "twice the style": {"content": content, "style": 2 * style, "share": share},
    }


def _shared(cases, outputs) -> bool:
    case, part = cases["plain"], outputs["plain"] * cases["plain"]["style"]
    return bool(np.isclose(part / (case["content"] + part), case["share"], rtol=1e-3))


BALANCE = Exercise(
    id="balance",
    title="The beta with which the style is a given share of the total, for alpha = 1.",
    arguments={"content": "number", "style": "number", "share": "number"},
    result="number",
    cases=_balance_cases,
    reference=balance,
    mistakes=(
        Mistake("That makes the style `share` times the content, not `share` of the total: what is left for the content?",
                lambda content, style, share: share * content / style),
        Mistake("That ratio is upside down: a smaller style loss needs a larger beta.",
                lambda content, style, share: share * style / ((1 - share) * content)),
        Mistake("share and 1 - share are swapped: that gives the content this share.",
                lambda content, style, share: (1 - share) * content / (share * style)),
        Mistake("That is the inverse of beta: solve beta J_style = share (J_content + beta J_style) for beta.",
                lambda content, style, share: (1 - share) * style / (share * content)),
        Mistake("The losses are left out: beta must make up for the style loss being smaller or larger than the content's.",
                lambda content, style, share: share / (1 - share)),
        Mistake("That is the share itself: beta is the factor that makes the style this share of the total.",
                lambda content, style, share: share),
        Mistake("That is right for one half only: share must enter.", lambda content, style, share: content / style),
        Mistake("That is the size of the style's part, beta J_style: divide by J_style.",
                lambda content, style, share: share * content / (1 - share)),
        Mistake("It is rounded: beta need not be a whole number.", lambda content, style, share: np.round(balance(content, style, share))),
        Mistake("It is rounded: beta need not be a whole number.", lambda content, style, share: np.floor(balance(content, style, share))),
        Mistake("The style loss is a factor there: divide by it, for a smaller style loss needs a larger beta.",
                lambda content, style, share: share * content / (1 - share) * style),
        Mistake("share stands below the line: solve beta J_style = share (J_content + beta J_style) for beta.",
                lambda content, style, share: content / (share * style)),
        Mistake("share is missing above the line: solve beta J_style = share (J_content + beta J_style) for beta.",
                lambda content, style, share: content / ((1 - share) * style)),
        Mistake("share of the unweighted sum: the total has beta J_style in it, not J_style.",
                lambda content, style, share: share * (content + style) / style),
    ),
    properties=(
        Property("the share is reached", "With this beta the style is not `share` of the total.", _shared),
        Property("half is half", "For share = 0.5 both parts must be equal: beta J_style = J_content.",
                 lambda cases, outputs: np.isclose(outputs["half"] * cases["half"]["style"], cases["half"]["content"], rtol=1e-3)),
        Property("twice the loss, half the beta", "A style loss twice as large needs half the beta.",
                 lambda cases, outputs: np.isclose(2 * outputs["twice the style"], outputs["plain"], rtol=1e-3)),
    ),
)  # fmt: skip
