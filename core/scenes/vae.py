"""What the page `vae` draws."""

from core.scene import Scene

FIRST: tuple[Scene, ...] = ()
