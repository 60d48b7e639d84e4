"""Networks compiled by torch.compile."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from imagenet_transfer.errors import UserError


def compiled(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return a compiled form of a network, with its parameters; the first call compiles.

    Raises UserError if it cannot be compiled.
    """
    run = torch.compile(model, dynamic=False)

    def checked(images: Tensor) -> Tensor:
        from torch._dynamo.exc import TorchDynamoException  # takes seconds to import

        try:
            return run(images)
        except TorchDynamoException as error:
            why = str(error).strip().partition("\n")[0]
            raise UserError(
                f"The network could not be compiled ({why}): a C++ compiler is needed, and Triton on "
                "a GPU; or set `compile` to false in its recipe."
            ) from error

    return checked
