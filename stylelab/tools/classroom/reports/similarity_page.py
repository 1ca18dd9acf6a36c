"""similarity.csv and similarity.html: who wrote the same, how rare that is, and what it does not mean."""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from stylelab.tools.classroom.reports.pages import page, table
from stylelab.tools.classroom.reports.similarity import NEAR, Form, Match, Pair, Similarity, count_alike
from stylelab.tools.classroom.reports.text import html, number, person

HEADER = ("rank", "student", "other", "weight", "same", "near", "exercises")
MOST_ROWS, MOST_PAIRS, MOST_FORMS, MOST_GROUPS = 20_000, 300, 40, 50
MEANING = """<h2 id="meaning">What this means, and what it does not</h2>
<p>Two answers are <strong>the same</strong> here when nothing but names, comments, type hints and layout tells them apart. They are
<strong>nearly the same</strong> when at least {near} % of their runs of five words are common to both.</p>
<p>This is <strong>no verdict</strong>. A short answer is the same in many hands because there is one obvious way to write it; students
who learn together, follow the same page or ask the same assistant write alike too. Read both notebooks and talk to both
students before you think anything of a pair.</p>
<p>The <strong>weight</strong> adds up over exercises. It is small for a short answer, and for one that many of the class wrote;
sharing several long answers that nobody else has gives the most. The comparison was made on this machine, and nothing of it was sent anywhere.</p>"""


def rows(found: Similarity) -> Iterator[tuple]:
    """similarity.csv, a row for each pair behind a header."""
    yield HEADER
    for rank, pair in enumerate(found.pairs[:MOST_ROWS], 1):
        alike = count_alike(pair)
        said = "; ".join(_said(match) for match in pair.matches)
        yield rank, pair.first, pair.second, pair.weight, alike["same"], alike["near"], said


def _said(match: Match) -> str:
    how = "same" if match.alike == 1 else f"{100 * match.alike:.0f} % the same"
    return f"{match.exercise} ({how}, {match.words} words, written by {match.shared} of {match.of})"


def similarity_page(found: Similarity, files: Mapping[str, str]) -> str:
    """The page, as text.

    Args:
        files: student -> the name of their page of feedback, without its ending.
    """
    return page("Similar answers", _body(found, files))


def _body(found: Similarity, files: Mapping[str, str]) -> Iterator[str]:
    yield "<h1>Similar answers</h1>"
    yield f'<p class="big">{html(found.sentence())}</p>'
    yield '<p><a href="overview.html">Back to the class overview</a></p>'
    yield MEANING.format(near=number(100 * NEAR))
    if found.pairs:
        yield from _pairs(found, files)
        yield from _groups(found, files)
    yield from _forms(found, files)


def _pairs(found: Similarity, files: Mapping[str, str]) -> Iterator[str]:
    yield '<h2 id="pairs">Pairs, the most telling first</h2>'
    if len(found.pairs) > MOST_PAIRS:
        more = "all of them" if len(found.pairs) <= MOST_ROWS else f"the first {MOST_ROWS}"
        yield f"<p>The first {MOST_PAIRS} of {len(found.pairs)}; similarity.csv has {more}.</p>"
    head = ["Student", "Other student", "Weight", "Same", "Nearly", "Exercises"]
    yield table("Pairs of students", head, [_pair_row(pair, files) for pair in found.pairs[:MOST_PAIRS]], (2, 3, 4))


def _pair_row(pair: Pair, files: Mapping[str, str]) -> list[str]:
    alike = count_alike(pair)
    said = "".join(f'<span class="line">{html(_said(match), 200)}</span>' for match in pair.matches)
    names = _link(pair.first, files), _link(pair.second, files)
    return [*names, number(pair.weight, 1), str(alike["same"]), str(alike["near"]), said]


def _link(student: str, files: Mapping[str, str]) -> str:
    if student not in files:
        return person(student)
    return f'<a href="feedback/{html(quote(files[student], errors="replace"))}.html">{person(student)}</a>'


def _groups(found: Similarity, files: Mapping[str, str]) -> Iterator[str]:
    groups = [group for group in found.groups if len(group) > 2]
    if groups:
        yield '<h2 id="groups">Groups</h2>\n<p>Students who are linked by the pairs above, directly or through each other.</p>\n<ul>'
        for group in groups[:MOST_GROUPS]:
            more = f" and {len(group) - 20} more" if len(group) > 20 else ""
            yield f"<li>{len(group)} students: {', '.join(_link(name, files) for name in group[:20])}{more}</li>"
        yield "</ul>"


def _forms(found: Similarity, files: Mapping[str, str]) -> Iterator[str]:
    yield '<h2 id="forms">Answers that several students wrote</h2>'
    if not found.forms:
        yield "<p>None: every answer is different.</p>"
        return
    yield "<p>As they read without their names and layout. The rarest of the long ones come first.</p>"
    for form in found.forms[:MOST_FORMS]:
        yield from _form(form, files)
    if len(found.forms) > MOST_FORMS:
        yield f"<p>{len(found.forms) - MOST_FORMS} more, shorter or more common, are not shown.</p>"


def _form(form: Form, files: Mapping[str, str]) -> Iterator[str]:
    more = f" and {len(form.students) - 8} more" if len(form.students) > 8 else ""
    names = ", ".join(_link(name, files) for name in form.students[:8])
    yield '<div class="card">'
    yield f"<h3>{html(form.exercise, 60)}: {len(form.students)} of {form.of} students, {form.words} words</h3>"
    yield f"<p>{names}{more}</p>"
    lines = "\n".join(html(line, 200) for line in form.text.splitlines()[:40])
    yield f"<pre>{lines}</pre>"
    yield "</div>"
