"""How a user mends what was found damaged."""

import shlex


def repair_command():
    """Return the user's command with the target `repair` in place of `verify`."""
    words = ["repair" if word == "verify" else word for word in sys.argv[1:]]
    return shlex.join(["snakemake", *words])
