"""What the page `gaussian_mixture` draws."""

from core.scene import Scene

FIRST: tuple[Scene, ...] = ()
