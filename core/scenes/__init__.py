"""What the classical pages draw, one module a page: see core/scene.py."""
