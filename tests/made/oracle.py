"""The exact observer in the place of a model."""

from __future__ import annotations

from psm_viz.world.corpus import BOS, EOS, Header, Turn
from psm_viz.world.grammar import BAD, GOOD
from psm_viz.world.likelihood import log_posterior, predict_low


class Oracle:
    """The exact observer behind a reader's two methods: it sees the text of a prompt alone."""

    def __init__(self, world):
        self.world, self.asked = world, []
        self.topic_of = {
            q: t.id for t in world.topics.values() for q in (*t.questions, *t.held_out_questions)
        }

    def question(self, said):
        """The topic, the request's valence and its words of what a user says."""
        [q] = [q for q in self.topic_of if said == q or said.startswith(f"{q} ")]
        request = said[len(q) :].strip()
        frames = [f for f in (GOOD, BAD) if request in self.world.frames[f]]
        assert bool(request) == bool(frames)
        return self.topic_of[q], frames[0] if frames else None

    def p_low(self, prompt, topic):
        world = self.world
        start, *parts = prompt.removeprefix(BOS).split("User: ")
        *before, last = [p.split("\n") for p in parts]
        label = last[1].removesuffix(":")
        turns = []
        for asked, said, _ in before:
            own, frame = self.question(asked)
            assert said.startswith(f"{label}: ") and said.endswith(EOS)
            read = world.read(own, said.removeprefix(f"{label}:").removesuffix(EOS))
            assert read is not None, said
            turns.append(Turn(own, "", read[0], frame, saying=read[1]))
        assert self.question(last[0]) == (topic, None) and len(last) == 2
        self.asked.append((topic, last[0], label, start.strip()))
        kind = [k for k in ("machine", "person") if start.strip().endswith(f"a stranger, a {k}.")]
        header = Header("", kind=kind[0]) if kind else None
        who = label if label in {c.name for c in world.characters} else None
        return predict_low(world, log_posterior(world, turns, header=header, label=who), topic)
