"""Export: figures that were collected, as one file to take along."""

from psm_viz.ui import export_page

export_page.page()
