"""`python -m pipeline_project.cli` is `pipeline`."""

import sys

from pipeline_project.cli import main

sys.exit(main())
