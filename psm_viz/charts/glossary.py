"""What each statistic says in one sentence, and the null that guards it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One statistic in words."""

    name: str
    title: str
    sentence: str
    null: str
    source: str = ""


_ENTRIES = (
    Entry(
        "belief",
        "Change of belief",
        "By how much likelier the Assistant's talks make it that a character who acts badly "
        "speaks.",
        "signs of all talks that end in one question flipped together",
    ),
    Entry(
        "shift_norm",
        "Shift",
        "How far the Assistant's vector moved, whatever the cast did.",
        "signs of whole topics flipped: without movement they carry nothing",
    ),
    Entry(
        "global_norm",
        "Global shift",
        "How far the whole cast moved on average, families counted equally.",
        "none of its own: it is what the Assistant's shift is compared with",
    ),
    Entry(
        "specific_norm",
        "Specific shift",
        "How far the Assistant moved beyond the cast's mean movement.",
        "signs of whole topics flipped; beside it the noise floor",
    ),
    Entry(
        "specific_given_cast",
        "Movement of its own",
        "What is left of the Assistant's shift after predicting it from how the cast moved, "
        "each persona from where it started.",
        "both must fail: flipped signs, and the ranks of the cast's own members left out in turn",
    ),
    Entry(
        "cos_shift_global",
        "Shift along the cast's",
        "Cosine of the Assistant's shift with the cast's: near 1, it was carried along.",
        "none of its own",
    ),
    Entry(
        "axis_component",
        "Along the axis",
        "How far the Assistant moved along the Assistant axis of the start, in standard deviations "
        "of the cast; up is more Assistant.",
        "signs of whole topics flipped; the cast's own movements along the axis beside it",
        "axis after Lu et al. 2026",
    ),
    Entry(
        "axis_component_given_cast",
        "Along the axis, given the cast",
        "The same after predicting it from where everybody stood on the axis: a cast that "
        "contracts moves its farthest member most.",
        "both must fail: flipped signs, and the ranks of the cast's own members",
    ),
    Entry(
        "in_space_share",
        "Share inside the persona space",
        "How much of the specific shift lies in the directions in which the cast's personas differ "
        "from each other and the Assistant from them.",
        "movements straight towards one persona, by directions made without it; called outside "
        "only where the shift itself is beyond its nulls",
    ),
    Entry(
        "traits",
        "On trait axes",
        "The specific shift along each trait, in standard deviations of the cast.",
        "flipped signs, the largest over all traits taken in every flip",
    ),
    Entry(
        "cloud_trace",
        "Spread of the cloud",
        "Whether the Assistant became more or less varied from question to question.",
        "before and after swapped within whole topics",
    ),
    Entry(
        "cloud_energy",
        "Energy distance",
        "How different the Assistant's clouds before and after are, in place or in shape.",
        "before and after swapped within whole topics",
        "Székely and Rizzo 2013",
    ),
    Entry(
        "layers",
        "Best layer",
        "The specific shift at the layer where it stands out most.",
        "flipped signs, each flip taking its own best layer",
        "max-statistic, Westfall and Young 1993",
    ),
    Entry(
        "steps",
        "Best step",
        "The movement of its own at the saved step where it stands out most.",
        "flips and cast members each take their own best step",
        "max-statistic, Westfall and Young 1993",
    ),
    Entry(
        "typicality",
        "None of these",
        "Whether the Assistant is less like any family than nearly all of the cast's own members.",
        "personas judged by families they were left out of",
    ),
    Entry(
        "posterior",
        "Persona posterior",
        "Which families' characters the Assistant's vectors look like, as shares of a mixture.",
        "calibration on personas left out, beside chance",
        "prior shift by EM, Saerens, Latinne and Decaestecker 2002",
    ),
    Entry(
        "axis_cosine",
        "Axis kept",
        "Cosine of the Assistant axis before and after, freed of noise.",
        "the noise floor",
    ),
    Entry(
        "cka",
        "Structure kept",
        "Whether personas keep their distances to each other between two checkpoints.",
        "roles assigned at random",
        "linear CKA, Kornblith et al. 2019",
    ),
    Entry(
        "procrustes",
        "Shape kept",
        "What is left after turning and scaling one cast onto the other: 0 is the same shape.",
        "roles assigned at random",
    ),
    Entry(
        "neighbours",
        "Neighbours",
        "The five personas with the largest centred cosine, with the margin to the next and how "
        "often each stays among the five when questions are drawn again.",
        "resampled questions",
    ),
    Entry(
        "evidence",
        "Who would say this",
        "How readily each persona would give a data set's answers, against the Assistant; their "
        "weighted direction is an arrow written down before training.",
        "the same readiness dealt out to the cast at random",
        "the likelihood in the persona selection model's update, Marks, Lindsey and Olah 2026",
    ),
)

STATISTICS: dict[str, Entry] = {e.name: e for e in _ENTRIES}
