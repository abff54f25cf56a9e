"""Claims: what the theory says, what was found, what else might explain it, and the verdict."""

from psm_viz.ui import claims_cards

claims_cards.page()
