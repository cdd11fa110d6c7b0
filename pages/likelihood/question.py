"""The page's question: with five values, is ÷n or ÷(n − 1) nearer to σ²?"""

from __future__ import annotations

from core.scenes.likelihood import EstimatorsScene
from ui import text

OPTIONS = ("n", "n_minus_1", "same")


def answer() -> tuple[str, dict[str, object]]:
    """The mean squared error of both, drawn now and from theory, in units of σ⁴."""
    from core import scene

    settings = EstimatorsScene(n=5, repetitions=20_000)
    shown = scene.shown(settings)
    by_n, by_n1 = (float(v) for v in shown["measured"][-2:])
    theory_n, theory_n1 = (float(v) for v in shown["theory"][-2:])
    right = "same" if theory_n == theory_n1 else "n" if theory_n < theory_n1 else "n_minus_1"
    return right, {
        "n": settings.n,
        "repetitions": f"{settings.repetitions:,}",
        "by_n": text.number(by_n),
        "by_n1": text.number(by_n1),
        "theory_n": text.number(theory_n),
        "theory_n1": text.number(theory_n1),
    }
