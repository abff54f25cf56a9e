"""`python -m psm_viz VERB`."""

import sys

from psm_viz.cli import main

sys.exit(main())
