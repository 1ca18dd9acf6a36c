"""Answers to adain, whiten and transport_map."""

from words import (
    at_least,
    cloud_like,
    diagonal,
    double,
    eigh,
    inverse,
    mean,
    root,
    rows,
    singular_vectors,
    square,
    stack,
    total,
    transposed,
)

# adain


def statistics(activation, over=2):
    """Of each filter, (B, C, 1)."""
    f = rows(activation)
    middle = mean(f, over)
    middle = middle[:, :, None] if len(middle.shape) == 2 else middle
    return middle, root(mean(square(f - middle), 2))[:, :, None]


def unrows(points, activation):
    """(B, C, H W) in the shape of an activation."""
    images = [cloud_like(transposed(points[i]), activation[i : i + 1]) for i in range(activation.shape[0])]
    return stack([image[0] for image in images])


def adain_of(content, style, scale=lambda own, wanted: wanted / own, start=lambda m, n: m, offset=lambda m, n: n):
    (m, own), (n, wanted) = statistics(content), statistics(style)
    return unrows(scale(at_least(own, 1e-5), wanted) * (rows(content) - start(m, n)) + offset(m, n), content)


def adain_epsilon(content, style):
    """As the paper's code has it: a small number under the root of the content."""
    (m, own), (n, wanted) = statistics(content), statistics(style)
    return unrows((rows(content) - m) / root(square(own) + 1e-5) * wanted + n, content)


def adain_by_filter(content, style):
    """A filter and an image at a time."""
    (m, own), (n, wanted) = statistics(content), statistics(style)
    moved = []
    for i in range(content.shape[0]):
        f = rows(content)[i]
        moved.append(stack([(f[c] - m[i, c]) / at_least(own[i, c], 1e-6) * wanted[i, c] + n[i, c] for c in range(f.shape[0])]))
    return unrows(stack(moved), content)


def adain_double(content, style):
    return adain_of(double(content), double(style))


# whiten


def cloud(activation):
    return transposed(rows(activation))[0]


def moments(points):
    middle = mean(points, 0)
    return middle, transposed(points - middle) @ (points - middle) / points.shape[0]


def matrix_root(matrix, power=0.5, least=0.0):
    values, vectors = eigh(matrix)
    return (vectors * at_least(values, least) ** power) @ transposed(vectors)


def undone(covariance):
    return matrix_root(covariance, -0.5, 1e-6)


def whiten_of(activation, of_covariance=undone, covariance=lambda x: moments(x)[1], start=lambda x: mean(x, 0)):
    x = cloud(activation)
    return cloud_like((x - start(x)) @ of_covariance(covariance(x)), activation)


def whiten_double(activation):
    return whiten_of(double(activation))


def whiten_by_axes(activation):
    """Turned onto the principal axes, divided, turned back."""
    x = cloud(activation)
    middle, covariance = moments(x)
    values, vectors = eigh(covariance)
    along = (x - middle) @ vectors / root(at_least(values, 1e-6))
    return cloud_like(along @ transposed(vectors), activation)


def whiten_by_singular_vectors(activation):
    """The nearest white cloud has the singular vectors of the centred one."""
    x = cloud(activation)
    centred = x - mean(x, 0)
    left, values, right = singular_vectors(centred)
    there = at_least(values - 1e-3, 0) / at_least(values - 1e-3, 1e-6)
    return cloud_like((left * there) @ right * x.shape[0] ** 0.5, activation)


def whiten_unreliable(activation):
    """The inverse of a covariance that may have none."""
    return whiten_of(activation, lambda s: inverse(matrix_root(s)))


# transport_map


def transport(covariance, target):
    half = matrix_root(covariance)
    return inverse(half) @ matrix_root(half @ target @ half) @ inverse(half)


def transport_by_powers(covariance, target):
    half, back = matrix_root(covariance), matrix_root(covariance, -0.5)
    return back @ matrix_root(half @ target @ half) @ back


def transport_double(covariance, target):
    return transport(double(covariance), double(target))


def transport_by_rotation(covariance, target):
    """T^1/2 Q S^-1/2, with the rotation that makes it symmetric; through a right inverse of the style's rank."""
    half, wanted = matrix_root(covariance), matrix_root(target)
    left, values, right = singular_vectors(wanted @ half)
    del left
    return inverse(half) @ (transposed(right) * values) @ right @ inverse(half)


RIGHT = {
    "adain": {"rows": adain_of, "epsilon": adain_epsilon, "filter by filter": adain_by_filter, "double": adain_double},
    "whiten": {
        "roots": whiten_of,
        "axes": whiten_by_axes,
        "singular vectors": whiten_by_singular_vectors,
        "double": whiten_double,
    },
    "transport_map": {
        "inverse": transport,
        "powers": transport_by_powers,
        "rotation": transport_by_rotation,
        "double": transport_double,
    },
}

WRONG = {
    "adain": [
        (lambda content, style: adain_of(content, style, lambda own, wanted: 1), "Only the means are moved"),
        (lambda content, style: adain_of(content, style, offset=lambda m, n: 0), "mean is not added"),
        (lambda content, style: adain_of(content, style, offset=lambda m, n: m), "content's mean is added"),
        (lambda content, style: adain_of(content, style, start=lambda m, n: 0), "not subtracted before"),
        (lambda content, style: adain_of(content, style, start=lambda m, n: n), "subtract the content's own"),
        (lambda content, style: adain_of(content, style, lambda own, wanted: wanted), "not divided by its own"),
        (lambda content, style: adain_of(content, style, lambda own, wanted: 1 / own), "style's deviation is missing"),
        (lambda content, style: adain_of(content, style, lambda own, wanted: 1 / own, offset=lambda m, n: 0), "only normalises"),
        (lambda content, style: adain_of(content, style, lambda own, wanted: own / wanted), "are swapped"),
        (lambda content, style: adain_of(content, style, lambda own, wanted: wanted**2 / own**2), "Variances"),
        (lambda content, style: content, "comes back as it is"),
        (lambda content, style: adain_of(style, content), "content is moved|input activation"),
        (lambda content, style: rows(content), "input activation"),
        (lambda content, style: adain_of(content, style)[:1], "input activation|Only one image"),
        (lambda content, style: adain_of(content, style).numpy(), "NumPy where"),
        (lambda content, style: content - mean(content) + mean(style), "values are not"),
        (lambda content, style: content - mean(content, 1)[:, None] + mean(style, 1)[:, None], "do not fit|keep those axes"),
    ],
    "whiten": [
        (lambda activation: cloud_like(cloud(activation) - mean(cloud(activation), 0), activation), "Only the mean"),
        (lambda activation: whiten_of(activation, start=lambda x: 0), "not subtracted from the points"),
        (lambda activation: whiten_of(activation, covariance=lambda x: transposed(x) @ x / x.shape[0]), "Gram matrix"),
        (lambda activation: whiten_of(activation, lambda s: matrix_root(s)), "inverse belongs"),
        (lambda activation: whiten_of(activation, lambda s: matrix_root(s, -1.0, 1e-6)), "The root is missing"),
        (lambda activation: whiten_of(activation, lambda s: diagonal(1 / at_least(root(total(s * eye_like(s), 0)), 1e-5))), "own deviation"),
        (lambda activation: whiten_of(activation, covariance=lambda x: moments(x)[1] * x.shape[0] / (x.shape[0] - 1)), "M - 1"),
        (lambda activation: whiten_of(activation, covariance=lambda x: moments(x)[1] * x.shape[0]), "is not divided"),
        (lambda activation: whiten_of(activation, start=lambda x: mean(x)), "One number"),
        (lambda activation: activation, "comes back as it is"),
        (lambda activation: cloud(whiten_of(activation)), "input activation"),
        (lambda activation: whiten_of(activation).numpy(), "NumPy where"),
    ],
    "transport_map": [
        (lambda s, t: matrix_root(t) @ matrix_root(s, -0.5), "whitens with one root"),
        (lambda s, t: matrix_root(s, -0.5) @ matrix_root(t), "whitens with one root"),
        (lambda s, t: transport(t, s), "wrong way|not finite|no inverse"),
        (lambda s, t: matrix_root(s) @ t @ matrix_root(s), "root in the middle"),
        (lambda s, t: matrix_root(matrix_root(s) @ t @ matrix_root(s)), "not yet A"),
        (lambda s, t: transport(s, t) @ matrix_root(s), "on one side only"),
        (lambda s, t: t @ inverse(s), "roots are missing"),
        (lambda s, t: matrix_root(t), "not white"),
        (lambda s, t: matrix_root(s, -0.5), "undone only"),
        (lambda s, t: diagonal(root(total(t * eye_like(t), 0) / total(s * eye_like(s), 0))), "Only the variances"),
        (lambda s, t: transport(s, t)[None], "as the matrices that come in"),
        (lambda s, t: transport(s, t).numpy(), "NumPy where"),
        (lambda s, t: total(transport(s, t)), "as the matrices that come in"),
    ],
}  # fmt: skip


def eye_like(matrix):
    return diagonal(mean(matrix, 0) * 0 + 1)
