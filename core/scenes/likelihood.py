"""What the page `likelihood` draws."""

from core.scene import Scene

FIRST: tuple[Scene, ...] = ()
