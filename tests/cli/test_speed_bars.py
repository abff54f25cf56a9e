"""README's bars of speed are the lines of docs/speed.md that say whether one was met."""

from psm_viz.cli.speed_bars import bar_lines

TEXT = """# Speed
Bars are set before: one may be missed.

## Pages
```
seconds:
map   1.2
first figure at most 1.5 times: missed by map (1.6)
settled at most 2.0 times: met
```
## Nothing yet
## Live
```
a model
  until it was read (median):
    answer 1: 0.1
    medians at most 0.3: met
  a lesson, 9 s; at most 60: met
```
"""


def test_lines_that_judge_stand_under_their_heading_and_the_head_of_their_list(tmp_path):
    file = tmp_path / "speed.md"
    file.write_text(TEXT)
    assert bar_lines(file) == [
        "Pages",
        "  first figure at most 1.5 times: missed by map (1.6)",
        "  settled at most 2.0 times: met",
        "Live",
        "  until it was read (median):",
        "  medians at most 0.3: met",
        "  a lesson, 9 s; at most 60: met",
    ]
