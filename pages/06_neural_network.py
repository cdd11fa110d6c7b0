"""Step 6, the neural network: gradients by the chain rule, walking downhill, and functions that are learnt."""

from __future__ import annotations

from pages.neural_network import autograd, curve, descent, digits, line, question
from ui import chapter

page = chapter.begin("neural_network")
autograd.draw(page)
page.derivation("neural_network.reverse")
page.code("core/autograd.py", "Value.__mul__", "Value.tanh", "in_order", "backward")
page.code("core/graph.py", "evaluated", "difference")
descent.draw(page)
page.derivation("neural_network.quadratic")
page.derivation("neural_network.momentum")
page.code("core/optimizers.py", "SGD", "Momentum", "Adam")
page.code("core/optimizers.py", "descend", "critical_rate")
curve.draw(page)
page.code("core/curve.py", "CurveNetwork", "squared_error", "train_curve")
line.draw(page)
digits.draw(page)
page.prediction("neural_network.prediction", question.OPTIONS, question.answer)
page.end()
