"""Files with other operations or shapes are refused."""

import pytest

from denoise_worker.weights import Weights
from tests.unit.denoise_worker.drawing import FILES, drawn, operations


@pytest.mark.parametrize("file", range(3))
def test_a_file_without_an_operation_or_with_another_shape_is_refused(file):
    weights = operations()
    for name in FILES[file]:
        broken = [dict(each) for each in weights]
        del broken[file][name]
        with pytest.raises(ValueError, match="missing"):
            Weights.of(*broken)
    name = next(iter(FILES[file]))
    broken[file] = weights[file] | {name: [drawn((2, 3))]}
    with pytest.raises(ValueError, match=r"is \[\(2, 3\)\], not"):
        Weights.of(*broken)
