"""`python -m psm_viz VERB`."""

import os
import sys

# The matrices here are small: BLAS threads that wait for each other cost more than they give, ten
# times and more beside other work. Set before numpy is first imported; torch's threads are its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from psm_viz.cli import main

sys.exit(main())
