// Every quantity of the derivation at one point, by the formulas of core/diffusion/exact.py and core/diffusion/bayes.py.
// Everything is float64; a browser test compares it with them.

// The mixture at the level with this ᾱ: N(√ᾱ μ_k, ᾱ Σ_k + (1−ᾱ) I). rows: weight, means, standard deviations,
// correlation of each component of the clean data.
function noisyMixture(rows, alphaBar) {
  const signal = Math.sqrt(alphaBar), rest = 1 - alphaBar, total = rows.reduce((sum, [weight]) => sum + weight, 0);
  return rows.map(([weight, x, y, stdX, stdY, rho]) => {
    const a = Math.sqrt(alphaBar * stdX * stdX + rest), c = Math.sqrt(alphaBar * stdY * stdY + rest);
    const g = gaussianOf(signal * x, signal * y, a, c, (alphaBar * rho * stdX * stdY) / (a * c));
    return { ...g, weight: weight / total, logWeight: Math.log(weight / total) };
  });
}

// ∇ log N(x | μ, Σ) = −Σ⁻¹ (x − μ)
function gaussianScore({ meanX, meanY, cov: [a, b, c] }, x, y) {
  const dx = x - meanX, dy = y - meanY, det = a * c - b * b;
  return [(b * dy - c * dx) / det, (b * dx - a * dy) / det];
}

// All of them at the point [x₁, x₂], for the component `chosen` of the mixture.
function quantitiesAt(mixture, chosen, alphaBar, gamma, [x, y]) {
  const logs = jointLogPdf(mixture, x, y, new Array(mixture.length)), all = logSumExp(logs);       // log p(x, k)
  const scores = mixture.map((g) => gaussianScore(g, x, y)), sy = scores[chosen];
  const s = [0, 0], g = [0, 0];
  logs.forEach((log, k) => {
    const share = Math.exp(log - all);                                                             // p(k | x)
    for (const i of [0, 1]) {
      s[i] += share * scores[k][i];
      g[i] += share * (sy[i] - scores[k][i]);                                                      // ∇ log p(y | x)
    }
  });
  const difference = [sy[0] - s[0], sy[1] - s[1]], sigma = Math.sqrt(1 - alphaBar);
  const guided = s.map((v, i) => v + gamma * difference[i]);
  const turned = (vector) => vector.map((v) => -sigma * v);
  const noise = turned(s), noiseGiven = turned(sy);
  return {
    log_px: all, log_pxy: logs[chosen] - mixture[chosen].logWeight, log_pyx: logs[chosen] - all, log_py: mixture[chosen].logWeight,
    s, sy, g, zero: 0, difference, guided, gg: g.map((v) => gamma * v), gamma, sigma,
    e: noise, ey: noiseGiven, ed: noise.map((v, i) => noiseGiven[i] - v), eguided: noise.map((v, i) => v + gamma * (noiseGiven[i] - v)),
  };
}

// "(0.42, −1.31)", or the number.
function spelt(value) {
  const one = (v) => written(v, v === 0 || Math.abs(v) >= 1000 ? undefined : Math.abs(v) >= 100 ? 0 : Math.abs(v) >= 10 ? 1 : 2);
  return Array.isArray(value) ? `(${value.map(one).join(", ")})` : one(value);
}
