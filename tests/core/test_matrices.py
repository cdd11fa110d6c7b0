"""Small matrices against NumPy, and the shapes of xᵀ A x."""

import numpy as np
import pytest
import torch

from core import matrices
from tests.core.test_devices import DevicesAreNamed


def random(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator("cpu").manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_numpy_agrees(size):
    a, b, x = random(0, size, size), random(1, size, size), random(2, 7, size)
    with DevicesAreNamed():
        ours = [
            matrices.product(a, b), matrices.elementwise(a, b), matrices.determinant(a), matrices.inverse(a),
            matrices.quadratic(a, x), matrices.curvatures(a),
        ]  # fmt: skip
    m, n, points = a.numpy(), b.numpy(), x.numpy()
    quadratic = [p @ m @ p for p in points]
    theirs = [m @ n, m * n, np.linalg.det(m), np.linalg.inv(m), quadratic, np.linalg.eigvalsh((m + m.T) / 2)]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.numpy(), other, rtol=1e-10, atol=1e-10)


def test_the_determinant_is_the_area_of_the_parallelogram():
    a = torch.tensor([[1.2, 0.5], [0.3, 0.9]])
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], dtype=torch.float64) @ a.double().T
    x, y = corners.T
    shoelace = 0.5 * (x * y.roll(-1) - x.roll(-1) * y).sum()
    torch.testing.assert_close(matrices.determinant(a), shoelace)


def test_what_has_no_inverse_says_so():
    for rows in ([[1.0, 2.0], [0.5, 1.0]], [[0.0, 0.0], [0.0, 0.0]], [[0.1, 0.3], [0.2, 0.6]]):
        with pytest.raises(ValueError, match="no inverse"):
            matrices.inverse(torch.tensor(rows, dtype=torch.float64))
    small = 1e-9 * torch.eye(2, dtype=torch.float64)  # small is not singular
    torch.testing.assert_close(matrices.inverse(small), 1e9 * torch.eye(2, dtype=torch.float64))
    with pytest.raises(ValueError, match="shape"):
        matrices.determinant(torch.zeros(2, 3))
