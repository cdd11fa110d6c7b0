"""The prediction of step 10: γ = 3 in the Gaussian case. Is the variance the tilted density's 0.5?"""

from __future__ import annotations

from ui import text

GAMMA = 3.0


def answer() -> tuple[str, dict[str, str]]:
    """The closed forms and what 2,000 particles did: where none has the tilted variance, the answer is no."""
    import numpy as np

    from core import scene
    from core.scenes.guidance_particles import MANY, Variances

    a = scene.shown(Variances(GAMMA))
    ode, sde, tilted = (float(v) for v in a["own_closed"])
    error = float(np.sqrt(2 / MANY))  # of a measured variance, as a share of it
    alike = [abs(float(seen) - tilted) < 3 * error * float(seen) for seen in a["own_measured"]]
    return "yes" if any(alike) else "no", {
        "tilted": text.number(tilted, 4), "ode": text.number(ode, 4), "sde": text.number(sde, 4),
        "ode_measured": text.number(float(a["own_measured"][0])),
        "sde_measured": text.number(float(a["own_measured"][1])), "count": f"{MANY:,}",
    }  # fmt: skip
