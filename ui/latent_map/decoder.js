// The decoder of a VAE with two latent numbers: a perceptron, evaluated here with the weights that Python's has.

class Decoder {
  constructor(header, part) {
    const { widths, activation, output } = header;
    this.activation = activation;
    this.output = output;
    this.layers = widths.slice(1).map((size, k) => ({
      size, from: widths[k], weight: part(`weight${k}`), bias: part(`bias${k}`), out: new Float32Array(size),
    }));
  }

  // The mean of every pixel at z: ink from 0 to 1. The array is used again by the next call.
  at(z) {
    let input = z;
    this.layers.forEach(({ size, from, weight, bias, out }, k) => {
      const last = k === this.layers.length - 1;
      for (let row = 0, w = 0; row < size; row++) {
        let sum = bias[row];
        for (let i = 0; i < from; i++, w++) sum += weight[w] * input[i];
        out[row] = last ? this.mean(sum) : this.act(sum);
      }
      input = out;
    });
    return input;
  }

  act(v) { return this.activation === "tanh" ? Math.tanh(v) : v > 0 ? v : 0; }

  mean(v) { return this.output === "sigmoid" ? 1 / (1 + Math.exp(-v)) : v; }
}
