"""What the page `em` draws."""

from core.scene import Scene

FIRST: tuple[Scene, ...] = ()
