"""`python -m imagenet_transfer`: label sets without a study, networks for Caffe."""

import sys

from imagenet_transfer.commands.commands import main

sys.exit(main(sys.argv[1:]))
