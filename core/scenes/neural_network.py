"""What the page `neural_network` draws."""

from core.scene import Scene

FIRST: tuple[Scene, ...] = ()
