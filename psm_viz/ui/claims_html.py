"""The words and small HTML of the Claims page: verdicts, reasons, figures, the key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import groupby

from psm_viz.charts import bar_strips
from psm_viz.charts.claim_marks import OBSERVER
from psm_viz.charts.claim_words import VERDICTS, key_of
from psm_viz.charts.findings import capital, listed, number
from psm_viz.claims.verdict import (
    AGAINST,
    CONSISTENT,
    ENOUGH,
    UNDECIDED,
    Beside,
    Claim,
    Measure,
    passed,
)

RECORD = "docs/decisions.md"
LEDE = (
    "A language model learns to play many characters, as its texts were written by many. "
    "Post-training picks one of them, the Assistant, as the one who answers. Fine-tuning it on bad "
    "conduct in a single topic then tells it something about who it is, and so its conduct may "
    "change in topics that it was never trained on. These claims are tested in a made world, whose "
    "characters were drawn by known rules, so that the truth is known: <b>it shows the mechanism "
    "and is no evidence about frontier models.</b>"
)
CHAT_LEDE = (
    "SmolLM2-135M-Instruct was fine-tuned here with twelve small lessons, in several seeds. It "
    "learned its characters from real text, so nobody knows the truth about them; what it would "
    "say is read from how likely it finds good and bad answers that were written beforehand. "
    "<b>A model of 135 million parameters is no frontier model.</b>"
)
SIGNS = {
    CONSISTENT: ("psm-yes", "\N{CHECK MARK}"),
    AGAINST: ("psm-no", "\N{MULTIPLICATION X}"),
    UNDECIDED: ("psm-open", "\N{EN DASH}"),
}
RULE = (
    (
        VERDICTS[CONSISTENT],
        "three seeds or more, every seed beyond every bar, that of the rival "
        "explanation too, and the whole interval beyond the first.",
    ),
    (
        VERDICTS[AGAINST],
        "three seeds or more, no seed beyond the first bar, nor any part of the interval, and "
        "every control passed.",
    ),
    (VERDICTS[UNDECIDED], "everything else, and always with fewer than three seeds."),
)


def chip(verdict: str) -> str:
    """A verdict as sign and word."""
    kind, sign = SIGNS[verdict]
    icon = f'<span class="psm-sign" aria-hidden="true">{sign}</span>'
    return f'<span class="psm-verdict {kind}">{icon}{VERDICTS[verdict]}</span>'


def chat_headline(claims: Sequence[Claim]) -> str:
    """How the verdicts about the chat model fall, in a sentence."""
    return headline(claims, "a real small chat model")


def headline(claims: Sequence[Claim], about: str = "personas") -> str:
    """How the verdicts fall, in a sentence."""
    n = Counter(c.verdict for c in claims)
    many = {CONSISTENT: "fit what was measured", AGAINST: "do not", UNDECIDED: "are undecided"}
    one = {CONSISTENT: "fits what was measured", AGAINST: "does not", UNDECIDED: "is undecided"}
    if not n[CONSISTENT]:
        many[AGAINST] += " fit what was measured"
        one[AGAINST] += " fit what was measured"
    seeds = max((len(c.figure.seeds) for c in claims), default=0)
    if seeds < ENOUGH:
        return (
            f"None of {len(claims)} claims about {about} is decided yet: a verdict needs "
            f"{ENOUGH} trainings, each from its own seed, and so far there "
            f"{'is' if seeds == 1 else 'are'} {seeds or 'none'}"
        )
    parts = [f"{n[v]} {(one if n[v] == 1 else many)[v]}" for v in many if n[v]]
    return f"Of {len(claims)} claims about {about}, {listed(parts)}"


def beyond(m: Measure) -> int:
    """How many seeds are on the claim's side of their bar."""
    return sum(map(m.clears, m.seeds))


def why(claim: Claim) -> str:
    """What the verdict rests on, in a few words."""
    m = claim.figure
    if len(m.seeds) < ENOUGH:
        counted = f"{len(m.seeds) or 'no'} seed{'' if len(m.seeds) == 1 else 's'}"
        return f"{counted} of the {ENOUGH} needed"
    if claim.verdict == CONSISTENT:
        return "every seed is beyond every bar"
    if claim.verdict == AGAINST:
        return "no seed is beyond the bar"
    short: list[str] = []
    controls = [o for o in claim.rivals if o.control]
    rivals = [o for o in claim.rivals if not o.control]
    if any(len(o.seeds) < ENOUGH for o in controls):
        short.append("the control lacks seeds")
    elif not all(map(passed, controls)):
        short.append("the control is not passed")
    if beyond(m) < len(m.seeds):
        short.append(f"{beyond(m)} of {len(m.seeds)} seeds beyond the bar")
    elif not m.interval_clears:
        short.append("the interval reaches the bar")
    for others, said in (
        (claim.also, "a further bar is not passed"),
        (rivals, "the rival is not ruled out"),
    ):
        if any(len(o.seeds) >= ENOUGH and beyond(o) < len(o.seeds) for o in others):
            short.append(said)
    if any(len(o.seeds) < ENOUGH for o in claim.also):
        short.append("a further bar lacks seeds")
    if any(len(o.seeds) < ENOUGH for o in rivals):
        short.append("the rival lacks seeds")
    return "; ".join(short)


def rule_html(claim: Claim | None) -> str:
    """The rule of every verdict, after what it means for one claim."""
    parts = [("For this claim", claim.rule)] if claim is not None else []
    lines = [f'<p class="psm-rule"><b>{a}:</b> {escape(b)}</p>' for a, b in (*parts, *RULE)]
    return "".join(lines) + (
        '<p class="psm-rule">Claims, bars and rivals were written down before the runs that they '
        f"judge, in <code>{RECORD}</code>; so is what was changed later: controls, and the bar of "
        "random weights. No seed is left out for what it shows.</p>"
    )


def table_html(claims: Sequence[Claim]) -> str:
    """All claims at a glance, each a link to its card."""
    rows = []
    for c in claims:
        m = c.figure
        ranged = bar_strips.interval_words(m)
        ranged = f' <span class="psm-range">({ranged})</span>' if ranged else ""
        value = number(m.value) if bar_strips.drawn(m) else "\N{EN DASH}"
        rows.append(
            f'<tr><th scope="row"><a href="#{key_of(c)}">{escape(c.title)}</a>{_answer(c)}</th>'
            f'<td class="psm-what">{escape(capital(m.name))}</td><td>{value}{ranged}</td>'
            f"<td>{bar_strips.side_strip(m)}</td><td>{chip(c.verdict)}</td></tr>"
        )
    head = ("Claim", "What was measured", "Mean (95 % interval)", "Seeds and bar", "Verdict")
    heads = "".join(f'<th scope="col">{h}</th>' for h in head)
    return (
        f'<div class="psm-table-box"><table class="psm-claims"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{_key(claims)}"
    )


def _answer(claim: Claim) -> str:
    """The answer that is judged, where the title is a question."""
    if not claim.answer:
        return ""
    return f' <span class="psm-what">The claim: {escape(claim.answer)}</span>'


def _key(claims: Sequence[Claim]) -> str:
    """What the marks mean."""
    items = [
        ("psm-dot", "a seed: a model from random numbers of its own"),
        ("psm-mean psm-interval", "mean over seeds, 95 % interval"),
        ("psm-bar psm-side", "the bar, fixed beforehand, and the side the claim needs"),
    ]
    if any(d.seed is None for c in claims for d in c.picture.dots):
        words = "knows the rules of the made world"
        items.append(("psm-hollow", f"{OBSERVER}: {words}"))
    cells = ""
    for kinds, words in items:
        marks = "".join(f'<i class="{k}"></i>' for k in reversed(kinds.split()))
        cells += (
            f'<span><span class="psm-mark" aria-hidden="true">{marks}</span>{escape(words)}</span>'
        )
    return f'<p class="psm-key">{cells}</p>'


def head_html(claim: Claim) -> str:
    """A claim's title and sentence, its verdict and what that rests on."""
    return (
        f'<div class="psm-head" id="{key_of(claim)}"><h3>{escape(claim.title)}</h3><div>'
        f'{chip(claim.verdict)} <span class="psm-why">{escape(why(claim))}</span></div></div>'
        f'<p class="psm-said">{escape(claim.sentence)}</p>{caveat_html(claim)}'
    )


def caveat_html(claim: Claim) -> str:
    """What a reader has to know who reads the verdict alone; '' where there is nothing."""
    if not claim.caveat:
        return ""
    return f'<p class="psm-said psm-caveat"><b>But:</b> {escape(claim.caveat)}</p>'


def aside_html(claim: Claim) -> str:
    """Figures that were measured besides, without a bar; '' where there are none."""
    if not claim.beside:
        return ""
    rows = ""
    for name, same in groupby(claim.beside, key=lambda b: b.name):
        figures = "; ".join(map(_aside_figure, same))
        rows += f"<li>{escape(capital(name))}: {escape(figures)}</li>"
    return (
        '<div class="psm-aside"><p><b>Beside it.</b> No verdict rests on these: means over seeds '
        f"(95 % interval over new seeds).</p><ul>{rows}</ul></div>"
    )


def _aside_figure(b: Beside) -> str:
    if not b.seeds:
        return "not measured yet"
    i, by = b.interval, f" by {b.by}" if b.by else ""
    return f"{number(b.mean)}{by}" + (f" ({number(i.low)} to {number(i.high)})" if i else "")


def measure_html(m: Measure, minor: bool = False) -> str:
    """A figure with its interval, its strip and each of its seeds."""
    kind = "psm-measure psm-minor" if minor else "psm-measure"
    name = f"control: {m.name}" if m.control else m.name
    of = f'<p class="psm-of">{escape(capital(name))}</p>'
    if not bar_strips.drawn(m):
        each = f"Not measured yet. It has to be {bar_strips.needs(m)}."
        return f'<div class="{kind}">{of}<p class="psm-each">{each}</p></div>'
    ranged = bar_strips.over_words(m)
    single = "the seed that fares worst" if m.worst else "mean over seeds"
    ranged = f"95 % interval {ranged}" if ranged else single
    values = ", ".join(number(v) for _, v in sorted(m.seeds.items()))
    seeds = f"Seed{'s' if len(m.seeds) > 1 else ''} {', '.join(map(str, sorted(m.seeds)))}"
    counted = f"{beyond(m)} of {len(m.seeds)} {'is' if beyond(m) == 1 else 'are'}"
    each = f"{seeds}: {values}. It has to be {bar_strips.needs(m)}: {counted}."
    return (
        f'<div class="{kind}"><p class="psm-num">{number(m.value)}<span>{ranged}</span></p>{of}'
        f'{bar_strips.scale_strip(m)}<p class="psm-each">{each}</p></div>'
    )


def rival_html(claim: Claim) -> tuple[str, str]:
    """The other explanation, and its figures beside each other."""
    figures = "".join(measure_html(m, minor=True) for m in claim.rivals)
    said = f'<p class="psm-rival"><b>Another explanation.</b> {escape(claim.rival)}</p>'
    return said, f'<div class="psm-row">{figures}</div>' if figures else ""


def beside_html(claim: Claim) -> str:
    """What the chat model says to a claim of the made world, in a line with a link to its card."""
    m = claim.figure
    said = "not measured yet"
    if bar_strips.drawn(m):
        ranged = bar_strips.interval_words(m)
        unit = f" {m.unit}" if " per " in m.unit else ""  # of shares and beliefs the name tells it
        said = f"{number(m.value)}{unit}{f' ({ranged})' if ranged else ''}"
    return (
        '<p class="psm-beside"><b>In a real small chat model.</b> '
        f"{escape(capital(m.name))}: {escape(said)}. {chip(claim.verdict)} "
        f'<a href="#{key_of(claim)}">Its chart</a></p>'
    )
