"""Tells, without a GPU, whether a step of torch can be recorded as a CUDA graph.

What is replayed may neither read values on the host nor use tensors that lie there. So the step
runs on torch's device `meta`, where tensors have shapes and no values: reading one raises, and a
tensor of any other device is found.
"""

from collections.abc import Callable
from typing import Any


def check(step: Callable[[Any, Any], Any], rows: tuple[int, int], given: int) -> None:
    """Fail unless a step on `meta` uses nothing of the host; `rows` and `given` are shapes."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    strangers: list[str] = []

    class Watched(TorchDispatchMode):  # type: ignore[misc]  # its class is unknown without torch
        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            answer = operation(*args, **(kwargs or {}))
            tensors = [x for x in tree_leaves((args, kwargs, answer)) if torch.is_tensor(x)]
            strangers.extend(str(operation) for x in tensors if x.device.type != "meta")
            return answer

    memory = torch.zeros(rows, device="meta")
    with torch.no_grad(), Watched():
        answer = step(memory, torch.zeros(rows[0], given, device="meta"))
    assert strangers == []
    assert len(answer) == rows[0]
