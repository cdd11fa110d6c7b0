"""What the page `multivariate_normal` draws."""

from core.scene import Scene

FIRST: tuple[Scene, ...] = ()
