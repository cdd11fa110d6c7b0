// The few formulas that follow a finger: those of core/normal.py, core/multivariate_normal.py and
// core/gaussian_mixture.py, and the numbers and words made of them. Everything is float64.
//
// env = { values, frame }: values are the plane's values as they are now, by name (a number, [[x, y], …] or rows), and
// frame is the frame that is shown, fractional only between two frames. What has no answer is NaN; nothing throws.

const LOG_SQRT_2PI = 0.91893853320467274178;
const SQRT_2PI = 2.50662827463100050242;

// A Number of models.py as it is now: a number, the name of a value, a list with one number for each frame, or a sum.
function resolve(number, env) {
  if (number?.kind === "linear") return number.terms.reduce((sum, [factor, name]) => sum + factor * resolve(name, env), 0);
  if (typeof number === "string") number = env.values[number];
  if (!Array.isArray(number)) return typeof number === "number" ? number : NaN;
  const at = Math.max(0, Math.min(number.length - 1, env.frame ?? 0)), before = Math.floor(at), part = at - before;
  const low = number[before] ?? NaN;
  return part > 0 ? low + part * (number[before + 1] - low) : low;
}

// ---- one dimension ---------------------------------------------------------------------------------------------------

function normalLogPdf(x, mean, std) {
  if (!(std > 0 && std < Infinity)) return NaN;
  const z = (x - mean) / std;
  return -0.5 * z * z - Math.log(std) - LOG_SQRT_2PI;
}

const normalPdf = (x, mean, std) => Math.exp(normalLogPdf(x, mean, std));

const normalCdf = (x, mean, std) => (std > 0 && std < Infinity ? lowerTail((x - mean) / std) : NaN);

// P(low < x ≤ high), accurate relative to itself wherever the interval lies and however narrow it is.
function intervalProbability(low, high, mean, std) {
  if (!(std > 0 && std < Infinity) || Number.isNaN(low + mean) || Number.isNaN(high)) return NaN;
  if (!(low < high)) return 0;
  const a = (low - mean) / std, b = (high - mean) / std, width = (high - low) / std;
  if (width * Math.max(1, Math.abs(a), Math.abs(b)) < 1) return narrow((a + b) / 2, width / 2);
  return a > 0 ? lowerTail(-a) - lowerTail(-b) : lowerTail(b) - lowerTail(a);     // the tails are what is small
}

// The probability of [m − h, m + h], where a difference of two cdfs would cancel: the Taylor series of the density at
// m, its derivatives being Hermite polynomials: 2 φ(m) Σ_k h^(2k+1) / (2k+1)! He_2k(m). Needs h (1 + |m|) ≲ 1.
function narrow(m, h) {
  const top = Math.exp(-0.5 * m * m) / SQRT_2PI;
  if (top === 0) return 0;
  let he = 1, next = m, term = h, sum = h;                             // He_2k, He_2k+1, h^(2k+1) / (2k+1)!
  for (let k = 1; k < 30; k++) {
    he = m * next - (2 * k - 1) * he;
    next = m * he - 2 * k * next;
    term *= (h * h) / (2 * k * (2 * k + 1));
    sum += term * he;
    if (term * (Math.abs(he) + Math.abs(next)) < 1e-18 * sum) break;
  }
  return 2 * top * sum;
}

// Φ(z) by the rational approximations of W. J. Cody, "Rational Chebyshev approximations for the error function",
// Math. Comp. 23 (1969) 631–637, in the form and with the coefficients of ANORM in SPECFUN (ACM TOMS 19 (1993) 22–32).
// Coefficients run from the highest power down.
const CODY = {
  middle: [
    [0.065682337918207449113, 2.2352520354606839287, 161.02823106855587881, 1067.6894854603709582, 18154.981253343561249],
    [1, 47.20258190468824187, 976.09855173777669322, 10260.932208618978205, 45507.789335026729956],
  ],
  side: [
    [
      1.0765576773720192317e-8, 0.39894151208813466764, 8.8831497943883759412, 93.506656132177855979,
      597.27027639480026226, 2494.5375852903726711, 6848.1904505362823326, 11602.651437647350124, 9842.7148383839780218,
    ],
    [
      1, 22.266688044328115691, 235.38790178262499861, 1519.377599407554805, 6485.558298266760755,
      18615.571640885098091, 34900.952721145977266, 38912.003286093271411, 19685.429676859990727,
    ],
  ],
  far: [
    [
      0.02307344176494017303, 0.21589853405795699, 0.1274011611602473639, 0.022235277870649807, 0.001421619193227893466,
      2.9112874951168792e-5,
    ],
    [1, 1.28426009614491121, 0.468238212480865118, 0.0659881378689285515, 0.00378239633202758244, 7.29751555083966205e-5],
  ],
};

function rational([above, below], x) {
  let p = 0, q = 0;
  for (const c of above) p = p * x + c;
  for (const c of below) q = q * x + c;
  return p / q;
}

function lowerTail(z) {
  const y = Math.abs(z);
  if (!(y > 0.66291)) return 0.5 + z * rational(CODY.middle, z * z);              // NaN too
  if (y === Infinity) return z > 0 ? 1 : 0;
  // exp(−y²/2) = exp(−s²/2) exp(−(y − s)(y + s)/2) with s = y cut to sixteenths: s² is exact, so far out nothing is lost
  const s = Math.trunc(y * 16) / 16, bell = Math.exp(-0.5 * s * s) * Math.exp(-0.5 * (y - s) * (y + s));
  const square = 1 / (y * y);
  const tail = bell * (y < 5.656854249492381 ? rational(CODY.side, y) : (1 / SQRT_2PI - square * rational(CODY.far, square)) / y);
  return z < 0 ? tail : 1 - tail;
}

// ---- two dimensions --------------------------------------------------------------------------------------------------

// A normal distribution of two dimensions with what each evaluation needs; `cov` is Σ as [σx², ρ σx σy, σy²].
function gaussianOf(meanX, meanY, stdX, stdY, rho) {
  const fits = stdX > 0 && stdY > 0 && Math.abs(rho) < 1;
  const rest = fits ? Math.sqrt((1 - rho) * (1 + rho)) : NaN;          // √(1 − ρ²): Cholesky's L is [σx, 0; ρ σy, rest σy]
  const logTop = -2 * LOG_SQRT_2PI - Math.log(stdX) - Math.log(stdY) - Math.log(rest);
  return { meanX, meanY, stdX, stdY, rho, cov: [stdX * stdX, rho * stdX * stdY, stdY * stdY], rest, logTop };
}

function gaussian(env, model) {
  const { mean_x, mean_y, std_x, std_y, correlation } = model;
  return gaussianOf(...[mean_x, mean_y, std_x, std_y, correlation].map((number) => resolve(number, env)));
}

// (x − μ)ᵀ Σ⁻¹ (x − μ) = zᵀ z with z = L⁻¹ (x − μ)
function squaredDistance(g, x, y) {
  const a = (x - g.meanX) / g.stdX, b = ((y - g.meanY) / g.stdY - g.rho * a) / g.rest;
  return a * a + b * b;
}

const mahalanobis = (g, x, y) => Math.sqrt(squaredDistance(g, x, y));
const logPdf2 = (g, x, y) => g.logTop - 0.5 * squaredDistance(g, x, y);

// Both are normal distributions of one dimension, { mean, std }: of x or of y alone, and of y where x is known.
const marginalOf = (g, axis) => (axis === "x" ? { mean: g.meanX, std: g.stdX } : { mean: g.meanY, std: g.stdY });
const conditionalOf = (g, x) => ({ mean: g.meanY + g.rho * g.stdY * ((x - g.meanX) / g.stdX), std: g.stdY * g.rest });

// The components of a mixture as it is now, each with `logWeight`; the weights are divided by their sum.
function componentsOf(model, env) {
  if (model.kind === "noised") return componentsOf(model.of, env).map((c) => noised(c, resolve(model.alpha_bar, env)));
  const rows = (typeof model.rows === "string" ? env.values[model.rows] : model.rows) ?? [];
  const sum = rows.reduce((total, [weight]) => total + weight, 0);
  return rows.map(([weight, ...rest]) => ({ ...gaussianOf(...rest), weight: weight / sum, logWeight: Math.log(weight / sum) }));
}

// What becomes of a component at a noise level: N(√ᾱ μ, ᾱ Σ + (1 − ᾱ) I).
function noised({ meanX, meanY, cov: [a, b, c], weight, logWeight }, left) {
  const keep = Math.sqrt(left), varX = left * a + 1 - left, varY = left * c + 1 - left;
  const g = gaussianOf(keep * meanX, keep * meanY, Math.sqrt(varX), Math.sqrt(varY), (left * b) / Math.sqrt(varX * varY));
  return { ...g, weight, logWeight };
}

// ∇ log p of a mixture as it is now: at (x, y), what each component's −Σ⁻¹ (x − μ) is, blended by its share.
function slope2(model, env) {
  const components = componentsOf(model, env), logs = new Float64Array(components.length);
  return (x, y) => {
    const all = logSumExp(jointLogPdf(components, x, y, logs));
    let along = 0, up = 0;
    components.forEach((c, k) => {
      const share = Math.exp(logs[k] - all), a = (x - c.meanX) / c.stdX, b = (y - c.meanY) / c.stdY, rest = c.rest * c.rest;
      if (!(share > 0)) return;
      along -= (share * (a - c.rho * b)) / (c.stdX * rest);
      up -= (share * (b - c.rho * a)) / (c.stdY * rest);
    });
    return [along, up];
  };
}

// log Σ exp, and each one's share of the sum; nothing under- or overflows however far away the place is.
function logSumExp(logs) {
  let most = -Infinity;
  for (const v of logs) most = Math.max(most, v);                                 // a NaN stays
  if (!Number.isFinite(most)) return most;
  let sum = 0;
  for (const v of logs) sum += Math.exp(v - most);
  return most + Math.log(sum);
}

function jointLogPdf(components, x, y, into) {
  for (let k = 0; k < components.length; k++) {
    const c = components[k];
    into[k] = c.weight === 0 ? -Infinity : c.logWeight + logPdf2(c, x, y);
  }
  return into;
}

// p(k | x, y) of a mixture's components, adding up to one.
function shares(model, env, x, y) {
  const components = componentsOf(model, env);
  const logs = jointLogPdf(components, x, y, new Array(components.length)), all = logSumExp(logs);
  return logs.map((v) => Math.exp(v - all));
}

// ---- models by their kind --------------------------------------------------------------------------------------------

const isOneDimensional = (model) => ["normal", "marginal", "conditional"].includes(model.kind);

// { mean, std } of a model of one dimension
function moments1(model, env) {
  if (model.kind === "marginal") return marginalOf(gaussian(env, model.of), model.axis);
  if (model.kind === "conditional") return conditionalOf(gaussian(env, model.of), resolve(model.x, env));
  return { mean: resolve(model.mean, env), std: resolve(model.std, env) };
}

function logDensity1(model, env) {
  const { mean, std } = moments1(model, env);
  return (x) => normalLogPdf(x, mean, std);
}

function logDensity2(model, env) {
  if (model.kind === "mixture" || model.kind === "noised") {
    const components = componentsOf(model, env), logs = new Float64Array(components.length);
    return (x, y) => logSumExp(jointLogPdf(components, x, y, logs));
  }
  const g = gaussian(env, model);
  return (x, y) => logPdf2(g, x, y);
}

function density1(model, env) {
  const log = logDensity1(model, env);
  return (x) => Math.exp(log(x));
}

const density2 = (model, env) => densityOf(partsOf(model, env));

// The components of any model of two dimensions: a normal distribution is a mixture of one.
const partsOf = (model, env) => (model.kind === "gaussian" ? [{ ...gaussian(env, model), logWeight: 0 }] : componentsOf(model, env));

// For whole grids, several times faster than the exponential of the above: what is ten or more standard deviations away
// adds nothing.
function densityOf(components) {
  return (x, y) => {
    let sum = 0;
    for (const c of components) {
      const squared = squaredDistance(c, x, y);
      if (squared < 100) sum += Math.exp(c.logWeight + c.logTop - 0.5 * squared);
    }
    return sum;
  };
}

const logDensity = (model, env) => (isOneDimensional(model) ? logDensity1 : logDensity2)(model, env);

// ---- numbers and words -----------------------------------------------------------------------------------------------

const MEASURES = {
  probability(m, env) {
    const { mean, std } = moments1(m.model, env);
    return intervalProbability(resolve(m.low, env), resolve(m.high, env), mean, std);
  },
  loglikelihood(m, env) {
    const log = logDensity(m.model, env);
    return (env.values[m.points] ?? []).reduce((sum, [x, y]) => sum + log(x, y), 0);
  },
  densityat: (m, env) => exponential(logDensity(m.model, env)(resolve(m.x, env), resolve(m.y, env))),
  mahalanobisat: (m, env) => mahalanobis(gaussian(env, m.model), resolve(m.x, env), resolve(m.y, env)),
  momentof: (m, env) => moments1(m.model, env)[m.which],
};

// exp(log) as a number to be written: where it would underflow, its logarithm still says what it is.
class Tiny {
  constructor(log) { this.log = log; }
}

function exponential(log) {
  const value = Math.exp(log);
  return value < 1e-300 && Number.isFinite(log) ? new Tiny(log) : value;
}

const measure = (m, env) => MEASURES[m.kind](m, env);

// "1.5e-7" as a page's text writes it (ui/text.py): spaces at which no line ends.
function scientific(text) {
  const [digits, power] = text.split("e");
  return `${digits}\u00a0×\u00a010${[...power.replace("+", "")].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("")}`;
}

// A number as it is written: so many decimals, or four significant digits, three before a power of ten.
function written(value, decimals) {
  if (value instanceof Tiny) {
    if (decimals != null) return written(0, decimals);
    const all = value.log / Math.LN10, power = Math.floor(all), digits = (10 ** (all - power)).toFixed(2);
    return scientific(digits === "10.00" ? `1.00e${power + 1}` : `${digits}e${power}`);
  }
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  let text;
  if (size >= (decimals == null ? 1e7 : 1e9) || (decimals == null && size > 0 && size < 1e-4)) text = scientific(value.toExponential(decimals ?? 2));
  else if (size >= 1e4) {
    text = value.toLocaleString("en-US", { minimumFractionDigits: decimals ?? 0, maximumFractionDigits: decimals ?? 0 });
  } else if (decimals != null) text = value.toFixed(decimals);
  else text = size >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
  return (/^-[0.]*$/.test(text) ? text.slice(1) : text).replace("-", "−");        // nothing is "minus zero"
}

// "{name}" and "{name:2}" filled in: `numbers` (measures, the pointer) come before the plane's values; names that are
// neither stay as they are. decimals: for names that say none.
function say(template, env, numbers = {}, decimals = null) {
  return String(template).replace(/\{(\w+)(?::(\d))?\}/g, (whole, name, digits) => {
    const own = Object.hasOwn(numbers, name) ? numbers[name] : Object.hasOwn(env.values, name) ? env.values[name] : null;
    return typeof own === "number" || own instanceof Tiny ? written(own, digits == null ? decimals : Number(digits)) : whole;
  });
}
