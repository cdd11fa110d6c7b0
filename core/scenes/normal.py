"""What the page `normal` draws."""

from core.scene import Scene

FIRST: tuple[Scene, ...] = ()
