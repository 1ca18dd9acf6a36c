"""What the reports' pages share: the look, the frame, tables. One file each: no script, and nothing is fetched."""

from collections.abc import Iterable, Sequence
from html import escape

# each pair of colours has a contrast of 4.5 at least, in light and in dark; bars have 3 against the page
STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --text: #1b1d21; --soft: #555b66; --line: #c9cdd5; --panel: #f4f5f8;
 --link: #0b4fb3; --good: #12633a; --bad: #a3240f; --empty: #e3e6ec;
 --s0: #6b7280; --s1: #b3411e; --s2: #8a5a00; --s3: #1f6fb2; --s4: #7a3fa0; --s5: #0d7a66; --s6: #a1204f; }
@media (prefers-color-scheme: dark) {
:root { --page: #15171c; --text: #e9ebef; --soft: #aab1be; --line: #454b57; --panel: #1e2128;
 --link: #8fbcff; --good: #79d8a2; --bad: #ffa08c; --empty: #31363f;
 --s0: #9aa3b2; --s1: #f0855f; --s2: #e0b04a; --s3: #6db3f2; --s4: #c597e8; --s5: #4fc9b0; --s6: #f286ad; } }
* { box-sizing: border-box; }
html { font: 100%/1.55 system-ui, sans-serif; background: var(--page); color: var(--text); }
body { margin: 0; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: .5rem 0 1rem; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 2.75rem 0 .75rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; line-height: 1.35; margin: 0 0 .4rem; }
p, ul { margin: .4rem 0; max-width: 44rem; } ul { padding-left: 1.2rem; }
a { color: var(--link); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); }
.big { font-size: 1.25rem; font-weight: 600; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .9rem 1rem; margin: 1rem 0; }
.said { border-left: 4px solid var(--link); padding-left: .75rem; white-space: pre-line; }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .94rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .35rem; }
th, td { padding: .35rem .55rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th:first-child { padding-left: 0; } th { font-weight: 600; } td { min-width: 8rem; }
tbody th { font-weight: 500; overflow-wrap: break-word; min-width: 6rem; max-width: 18rem; }
thead th { overflow-wrap: normal; vertical-align: bottom; line-height: 1.3; }
th.n, td.n { text-align: right; min-width: 3.2rem; } td.n { white-space: nowrap; }
.line { display: block; white-space: nowrap; }
svg { display: block; width: 100%; height: 1.1rem; border-radius: 3px; }
.card > svg { height: .45rem; margin: .5rem 0; }
.bars { display: grid; grid-template-columns: minmax(6rem, 13rem) 1fr 4rem; gap: .4rem .75rem; align-items: center; margin: 1rem 0; }
.bars > :nth-child(3n) { text-align: right; font-variant-numeric: tabular-nums; }
.scale { display: flex; justify-content: space-between; color: var(--soft); font-size: .85rem; }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; list-style: none; padding: 0; max-width: none; }
.key svg { display: inline-block; width: 1rem; height: .8rem; vertical-align: -.05rem; margin-right: .4rem; }
.columns { display: grid; grid-template-columns: repeat(10, 1fr); gap: .25rem; text-align: center; margin: 1rem 0 .25rem; font-size: .85rem; }
.columns svg { height: 8rem; border-radius: 3px 3px 0 0; }
.facts { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; padding: 0; }
.facts div { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .5rem .9rem; min-width: 7rem; }
.facts dt { color: var(--soft); font-size: .85rem; } .facts dd { margin: 0; font-size: 1.3rem; font-weight: 600; }
pre { white-space: pre-wrap; background: var(--panel); padding: .6rem .8rem; border-radius: 6px; font-size: .85rem; margin: .5rem 0; }
@media (max-width: 40rem) {
 th, td { padding: .35rem .3rem; }
 .bars { grid-template-columns: 1fr 3.5rem; } .bars > :nth-child(3n+1) { grid-column: 1 / -1; margin-bottom: -.3rem; }
 .columns { font-size: .75rem; gap: .15rem; }
}
@media print { .card { break-inside: avoid; } a { color: inherit; } }
"""
# a second wall, should a name ever get through as a tag: nothing runs, nothing is fetched
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
EDGE = ' stroke="var(--page)" vector-effect="non-scaling-stroke"'  # parts are told apart without their colours
QUOTE = '"'
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def page(title: str, body: Iterable[str]) -> str:
    """A whole page; both arguments are HTML already."""
    return PAGE.format(title=title, style=STYLE, policy=escape(POLICY), body="\n".join(body))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table whose first column names its rows, in a box of its own that scrolls when a screen is narrow.

    Args:
        caption: ours, without tags.
        head, rows: HTML already.
        numbers: which columns hold numbers.
    """
    kind = [' class="n"' if place in set(numbers) else "" for place in range(len(head))]
    headers = "".join(f'<th scope="col"{kind[place]}>{text}</th>' for place, text in enumerate(head))
    body = "\n".join(
        "<tr>" + "".join(_cell(place, kind[place], text) for place, text in enumerate(row)) + "</tr>" for row in rows
    )
    return (
        f'<div class="wide" role="region" aria-label="{caption.replace(QUOTE, "&quot;")}" tabindex="0"><table>'
        f"<caption>{caption}</caption>\n<thead><tr>{headers}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _cell(place: int, kind: str, text: str) -> str:
    return f'<th scope="row">{text}</th>' if place == 0 else f"<td{kind}>{text}</td>"


def bar(parts: Sequence[tuple[str, float]], title: str) -> str:
    """A bar as wide as there is room: each part has a colour's name, such as 's3', and a share of the whole, 0..1.

    Args:
        title: what the bar says, for who does not see it; HTML already.
    """
    drawn, at = [], 0.0
    for colour, share in parts:
        drawn.append(f'<rect x="{100 * at:.3f}" y="0" width="{100 * share:.3f}" height="10" fill="var(--{colour})"{EDGE}/>')
        at += share
    return (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img">'
        f'<title>{title}</title><rect width="100" height="10" fill="var(--empty)"/>{"".join(drawn)}</svg>'
    )
