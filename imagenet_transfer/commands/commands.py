"""Commands that need no config. `python -m imagenet_transfer COMMAND --help` shows one with examples."""

import argparse
import os
import sys
from collections.abc import Sequence

from imagenet_transfer.commands import caffe, check, crate, embed, labels, tensorboard
from imagenet_transfer.errors import UserError
from imagenet_transfer.running.jobs import open_streams

COMMANDS = {
    "caffe": caffe,
    "check": check,
    "crate": crate,
    "embed": embed,
    "labels": labels,
    "tensorboard": tensorboard,
}  # name: a module with ABOUT, add_arguments(parser), run(arguments)


def main(words: Sequence[str]) -> int:
    """Carry out a command; return the exit status: 0, or 1 after a sentence about the mistake."""
    open_streams()
    arguments = parser().parse_args(words)
    try:
        COMMANDS[arguments.command].run(arguments)
        sys.stdout.flush()
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # as by `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(
            f"Error: {where}{error.strerror or error}. Check the disk and the permissions.",
            file=sys.stderr,
        )
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m imagenet_transfer", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        module.add_arguments(
            commands.add_parser(
                name,
                help=module.ABOUT,
                description=module.__doc__,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return top
