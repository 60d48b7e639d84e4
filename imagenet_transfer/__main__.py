"""`python -m imagenet_transfer`: what can be had without a study."""

import sys

from imagenet_transfer.commands.commands import main

sys.exit(main(sys.argv[1:]))
