"""`python -m psm_viz VERB`."""

import os
import sys

# The matrices here are small: BLAS threads that wait for each other cost more than they give, ten
# times and more beside other work. Set before numpy is first imported; torch's threads are its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Torch's threads that spin while they wait starve each other, tenfold on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from psm_viz.cli import main

sys.exit(main())
