// How the gradient moves the image: L-BFGS as stylelab/torch/engine/optimisers.py has it, so that a page and the library take
// the same steps. Images are Float32Array, (3, H, W) in 0..1. Sources: Liu and Nocedal 1989; Chen, Wang and Zhou 2014.

const FIRST = 0.01; // mean change of a pixel in the first step
const LIMIT = 0.05; // root mean square change of the pixels in any step
const COARSE = 0.02; // cycles per pixel below which all move alike
const SOFTNESS = 0.35; // how much more coarse structures of an image move than fine ones
const MEMORY = 20; // past steps to remember
const FLAT = 1e-8; // a pair whose move and change of gradient are this close to a right angle says nothing

export class Descent {
  /** soften: a function that lets coarse structures of an image pass more than fine ones, as `softening` says. */
  constructor(soften) {
    this.soften = soften;
    this.first = FIRST;
    this.lowest = Infinity;
    this.before = this.move = this.gradient = this.scale = null;
    this.pairs = []; // moves s and changes of the gradient y, oldest first
  }

  /** Move the image, in place. If the loss has doubled since the last good image, that one is put back instead. */
  async step(image, loss, gradient) {
    if (this.leapt(image, loss)) return;
    this.scale ||= image.length / gradient.reduce((sum, slope) => sum + Math.abs(slope), 1e-30); // so that squares stay in range
    this.learn(image, await this.soften(gradient.map((slope) => slope * this.scale)));
    this.lowest = loss;
    const move = (this.move = this.direction());
    const change = await this.soften(move);
    const size = Math.sqrt(dot(change, change) / change.length);
    const mean = change.reduce((sum, one) => sum + Math.abs(one), 1e-30) / change.length;
    const factor = this.pairs.length ? LIMIT / Math.max(size, LIMIT) : this.first / mean;
    for (let i = 0; i < image.length; i++) {
      image[i] += factor * change[i];
      move[i] *= factor;
    }
  }

  /** Whether the loss has doubled. */
  leapt(image, loss) {
    if (loss <= this.lowest + Math.abs(this.lowest) || !this.before) return false;
    image.set(this.before);
    this.before = null; // the undone move must not make a pair
    this.first /= 4;
    this.pairs = [];
    return true;
  }

  /** Store a new gradient. With the one before, if there is one, it makes a pair. */
  learn(image, gradient) {
    if (this.before) {
      const pair = { s: this.move, y: gradient.map((slope, i) => slope - this.gradient[i]) };
      pair.sy = dot(pair.s, pair.y);
      pair.yy = dot(pair.y, pair.y);
      if (pair.sy > FLAT * Math.sqrt(dot(pair.s, pair.s) * pair.yy)) this.pairs.push(pair);
      if (this.pairs.length > MEMORY) this.pairs.shift();
    }
    this.before = image.slice();
    this.gradient = gradient;
  }

  /** The step of L-BFGS: the gradient, bent by the pairs from the newest to the oldest and back. */
  direction() {
    const step = this.gradient.map((slope) => -slope);
    const shares = this.pairs.map(() => 0);
    for (let i = this.pairs.length - 1; i >= 0; i--) {
      const { s, y, sy } = this.pairs[i];
      shares[i] = dot(s, step) / sy;
      add(step, y, -shares[i]);
    }
    const last = this.pairs.at(-1);
    if (last) for (let i = 0; i < step.length; i++) step[i] *= last.sy / last.yy;
    this.pairs.forEach(({ s, y, sy }, i) => add(step, s, shares[i] - dot(y, step) / sy));
    return step;
  }
}

/** The loss of the image as it will be saved: pixels are brought into 0..1; one beyond keeps only the gradient that draws it back. */
export function inside(image) {
  return image.map((value) => Math.min(1, Math.max(0, value)));
}

export function drawnBack(image, gradient) {
  return gradient.map((slope, i) => ((image[i] < 0 && slope > 0) || (image[i] > 1 && slope < 0) ? 0 : slope));
}

/** The sum of the absolute differences between neighbouring pixels; its gradient, times weight, is added to `gradient`. */
export function totalVariation(image, height, width, weight, gradient) {
  let total = 0;
  const compare = (i, j) => {
    const apart = image[j] - image[i];
    total += Math.abs(apart);
    gradient[j] += weight * Math.sign(apart);
    gradient[i] -= weight * Math.sign(apart);
  };
  for (let i = 0; i < image.length; i++) {
    if ((i + 1) % width) compare(i, i + 1);
    if (Math.floor(i / width) % height < height - 1) compare(i, i + width);
  }
  return total;
}

export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function add(a, b, factor) {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i];
}

/** A factor for each spatial frequency, by which coarse structures move more than fine ones; and cosine plus sine of each frequency
 * at each place, along both axes. The factors are even, so these do for a Fourier transform: it is its own inverse but for a factor. */
export function softening(height, width) {
  const cycles = (i, n) => Math.min(i, n - i) / n; // per pixel
  const factors = Float32Array.from({ length: height * width }, (_, i) => {
    const frequency = Math.hypot(cycles(Math.floor(i / width), height), cycles(i % width, width));
    return Math.max(frequency, COARSE) ** -SOFTNESS;
  });
  // the mean square over the half of the frequencies that a real transform has is 1, as in the library
  const half = factors.filter((_, i) => i % width <= width >> 1);
  const unit = height * width * Math.sqrt(dot(half, half) / half.length);
  return { factors: factors.map((factor) => factor / unit), across: waves(width), down: waves(height) };
}

function waves(n) {
  return Float32Array.from({ length: n * n }, (_, i) => {
    const angle = (2 * Math.PI * ((Math.floor(i / n) * (i % n)) % n)) / n;
    return Math.cos(angle) + Math.sin(angle);
  });
}
