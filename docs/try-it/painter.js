// Runs the networks, away from the page so that it stays responsive. The page posts {id, task, ...}; this answers {id, ...}.

import { Descent, drawnBack, inside, softening, totalVariation } from "./descent.js";

const STYLE = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"];
const CONTENT = ["conv2_2", "conv3_1", "conv4_2"];
const DEPTHS = ["conv2_1", "conv3_1", "conv4_2", "conv5_1"]; // of the graphs of the loss, shallowest first
const STYLES = 6; // that the first network has learned
const [STROKES, FINE] = [448, 0.6]; // of `stylelab.run.one_pass`
const ROW = 4096; // positions whose share of a Gram matrix is added up at once

let ort, runtime; // onnxruntime-web; {gpu, manifest}
const sessions = new Map();
let painting = null; // the run of `descend`
let last = null; // the newest of its runs, which may go on
let begun; // a promise: the runtime is there
let turn = Promise.resolve(); // the runtime does one thing at a time
const alone = (work) => (turn = turn.then(work, work));

const tasks = { start: (given) => (begun = start(given)), paint, read, descend, change, stop, shuffle };
onmessage = async ({ data: { id, task, ...given } }) => {
  try {
    postMessage({ id, result: await tasks[task](given, (step) => postMessage({ id, step })) });
  } catch (error) {
    postMessage({ id, error: error?.message ?? String(error) });
  }
};

// ---- files and the runtime

/** Load the runtime. `gpu`: whether to use one; "software" also takes one that the browser pretends. Returns on what it runs. */
async function start({ threads, gpu }) {
  const manifest = await fetch("files.json", { cache: "no-cache" }).then((answer) => answer.json()).catch(() => lost("files.json"));
  const adapter = gpu && WebAssembly.Suspending ? await navigator.gpu?.requestAdapter() : null; // Suspending: the runtime waits for it
  gpu = Boolean(adapter && (gpu === "software" || !adapter.info.isFallbackAdapter));
  const kind = gpu ? "jspi" : "wasm";
  ort = await import(`./ort.${kind}.min.mjs`).catch(() => lost(`ort.${kind}.min.mjs`));
  runtime = { gpu, manifest };
  const name = `ort-wasm-simd-threaded${gpu ? ".jspi" : ""}`;
  await import(`./${name}.mjs`).catch(() => lost(`${name}.mjs`)); // which the runtime would say in other words
  ort.env.wasm.wasmPaths = { mjs: new URL(`${name}.mjs`, import.meta.url).href };
  ort.env.wasm.wasmBinary = await file(`${name}.wasm`);
  ort.env.wasm.numThreads = self.crossOriginIsolated ? threads : 1;
  ort.env.logLevel = "error";
  const codes = new Float32Array((await file("codes.bin")).buffer);
  if (gpu && !(await agrees(codes.subarray(0, codes.length / STYLES)))) {
    runtime.gpu = false;
    sessions.clear();
  }
  return { gpu: runtime.gpu, threads: ort.env.wasm.numThreads, codes: Array.from({ length: STYLES }, (_, i) => codes.subarray((i * codes.length) / STYLES, ((i + 1) * codes.length) / STYLES)) };
}

/** Whether the GPU paints as the processor does: a driver may have faults. */
async function agrees(code) {
  const image = { data: Uint8Array.from({ length: 4 * 32 * 32 }, (_, i) => (i % 4 === 3 ? 255 : (i * 37) % 256)), width: 32, height: 32 };
  try {
    const painted = [];
    for (const gpu of [false, true]) {
      runtime.gpu = gpu;
      sessions.clear();
      painted.push((await paint({ image, network: "six", code })).image.data);
    }
    return painted[0].every((value, i) => Math.abs(value - painted[1][i]) <= 8);
  } catch {
    return false;
  }
}

/** The bytes of a file, which lies compressed beside the page; kept by the browser once it has been loaded. */
async function file(name) {
  const { bytes, version } = runtime.manifest.files[name];
  const address = new URL(`${name}.gz?${version}`, import.meta.url).href;
  const kept = await (async () => self.caches?.open("stylelab"))().catch(() => null); // not in a private window
  const known = await kept?.match(address);
  const packed = known ? await known.blob() : await load(name, address, bytes);
  const opened = packed.size === bytes ? packed.stream().pipeThrough(new DecompressionStream("gzip")) : packed; // or the browser has done it
  const whole = await new Response(opened).arrayBuffer().catch(() => lost(name));
  if (kept && !known) {
    for (const old of await kept.keys()) if (old.url.split("?")[0] === address.split("?")[0]) await kept.delete(old);
    await kept.put(address, new Response(packed)).catch(() => {}); // no room
  }
  return new Uint8Array(whole);
}

async function load(name, address, bytes) {
  postMessage({ loading: name, of: bytes });
  const found = await fetch(address).catch(() => lost(name));
  if (!found.ok) throw new Error(`The file ${name} is missing on the server.`);
  const body = found.body.getReader(); // not every browser can `for await` over it
  const parts = [];
  for (let part; !(part = await body.read().catch(() => lost(name))).done; parts.push(part.value)) postMessage({ loading: name, of: bytes, more: part.value.length });
  const packed = new Blob(parts);
  return packed.size === bytes || found.headers.get("content-encoding") ? packed : lost(name);
}

function lost(name) {
  throw new Error(`The file ${name} could not be loaded: check the connection, then reload the page.`);
}

/** An ONNX graph, ready to run: {run, inputNames}. */
async function session(name, filters = false) {
  if (!sessions.has(name)) {
    const made = Promise.all([file(`${name}.onnx`), filters ? shared() : null]).then(([graph, data]) => {
      const externalData = data ? [{ path: "encoder.bin", data }] : undefined;
      const executionProviders = runtime.gpu && name !== "soften" ? ["webgpu", "wasm"] : ["wasm"];
      return alone(() => ort.InferenceSession.create(graph, { executionProviders, externalData, logSeverityLevel: 3 }));
    }).then((made) => ({ run: (given) => alone(() => made.run(given)), inputNames: made.inputNames }));
    sessions.set(name, made);
    made.catch(() => sessions.delete(name)); // to be tried again
  }
  return sessions.get(name);
}

/** The encoder's filters in float16. They come with all low bytes before all high ones. */
let filters;
async function shared() {
  filters ??= file("encoder.bin").then((bytes) => bytes.map((_, i) => bytes[(i >> 1) + (i & 1 ? bytes.length / 2 : 0)]));
  return filters.catch((error) => ((filters = null), Promise.reject(error)));
}

const tensor = (values, ...shape) => new ort.Tensor("float32", values, shape);
const number = (value) => tensor(new Float32Array([value]));
const picture = (planes, height, width) => tensor(planes, 1, 3, height, width);

/** Pixels of a canvas to (3, height, width) in 0..1, and back. What is transparent is white. */
function planes({ data, width, height }) {
  const count = width * height;
  const result = new Float32Array(3 * count);
  for (let at = 0; at < count; at++) {
    const alpha = data[4 * at + 3] / 255;
    for (let c = 0; c < 3; c++) result[c * count + at] = (alpha * data[4 * at + c]) / 255 + 1 - alpha;
  }
  return result;
}

function pixels(image, height, width) {
  const result = new ImageData(width, height);
  const count = width * height;
  for (let at = 0; at < count; at++) {
    for (let c = 0; c < 3; c++) result.data[4 * at + c] = Math.round(255 * clip(image[c * count + at]));
    result.data[4 * at + 3] = 255;
  }
  return result;
}

// ---- at once

/** Paint an image in one pass, with a network and a style's code. */
async function paint({ image, network, code }) {
  const net = await session(network);
  const began = performance.now();
  const { width, height } = image;
  const painted = await inStrokes(net, code, planes(image), height, width);
  return { image: pixels(painted, height, width), seconds: (performance.now() - began) / 1000 };
}

/** Painted, (3, height, width): a large image takes its strokes from a smaller painting. `stylelab.run.one_pass.in_strokes`. */
async function inStrokes(net, code, image, height, width) {
  const [high, wide] = [height, width].map((side) => Math.max(16, 4 * Math.ceil(side / 4)));
  const given = { image: picture(cut(image, height, width, high, wide), high, wide), code: tensor(code, code.length) };
  const painted = cut((await net.run(given)).painted.data, high, wide, height, width).map(clip);
  const long = Math.max(height, width);
  const [h, w] = [height, width].map((side) => Math.round((side * Math.max(STROKES, Math.ceil(long / 3))) / long));
  if (long <= (STROKES * 8) / 7 || Math.min(h, w) < 16) return painted;
  const coarse = resized(painted, height, width, h, w);
  const blurred = resized(coarse, h, w, height, width);
  const strokes = await inStrokes(net, code, resized(image, height, width, h, w), h, w);
  const large = resized(strokes, h, w, height, width);
  return painted.map((value, i) => clip(FINE * (value - blurred[i]) + large[i]));
}

const clip = (value) => Math.min(1, Math.max(0, value));

/** (3, height, width) as (3, high, wide) from the same corner; beyond its end the last row and column are repeated. */
function cut(image, height, width, high, wide) {
  const result = new Float32Array(3 * high * wide);
  for (let c = 0, at = 0; c < 3; c++)
    for (let y = 0; y < high; y++)
      for (let x = 0; x < wide; x++, at++) result[at] = image[(c * height + Math.min(y, height - 1)) * width + Math.min(x, width - 1)];
  return result;
}

/** (3, height, width) stretched to (3, high, wide) without aliasing (Lanczos) and clipped: `images.fit`. */
function resized(image, height, width, high, wide) {
  const [across, down] = [lanczos(width, wide), lanczos(height, high)];
  const rows = new Float32Array(3 * height * wide);
  for (let y = 0, at = 0; y < 3 * height; y++)
    for (const { first, weights } of across) rows[at++] = weights.reduce((sum, weight, i) => sum + weight * image[y * width + first + i], 0);
  const result = new Float32Array(3 * high * wide);
  for (let c = 0, at = 0; c < 3; c++)
    for (const { first, weights } of down)
      for (let x = 0; x < wide; x++)
        result[at++] = clip(weights.reduce((sum, weight, i) => sum + weight * rows[(c * height + first + i) * wide + x], 0));
  return result;
}

/** For each of `count` new positions along `length` old ones, the old ones that it is made of: [{first, weights}]. */
function lanczos(length, count) {
  const scale = Math.max(1, length / count); // how far the kernel reaches when it makes smaller
  const sinc = (x) => (x ? Math.sin(Math.PI * x) / (Math.PI * x) : 1);
  return Array.from({ length: count }, (_, i) => {
    const centre = ((i + 0.5) * length) / count;
    const first = Math.max(0, Math.floor(centre - 3 * scale + 0.5));
    const end = Math.min(length, Math.floor(centre + 3 * scale + 0.5));
    const raw = Array.from({ length: end - first }, (_, k) => (first + k + 0.5 - centre) / scale).map((x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0));
    const sum = raw.reduce((total, weight) => total + weight);
    return { first, weights: raw.map((weight) => weight / sum) };
  });
}

/** The code of a style image, for the network that paints any style: what the network reads from it, and its colours. */
async function read({ image }) {
  const reader = await session("reader", true);
  const style = planes(image);
  const { code } = await reader.run({ image: picture(style, image.height, image.width) });
  return Float32Array.from([...code.data, ...coloursOf(style)]);
}

/** The symmetric root of the colours' covariance, row by row, and their mean: `stylelab.networks.colours_of`. */
function coloursOf(style) {
  const count = style.length / 3;
  const channels = [0, 1, 2].map((c) => style.subarray(c * count, (c + 1) * count));
  const mean = channels.map((channel) => channel.reduce((sum, value) => sum + value, 0) / count);
  const entry = (i, j) => channels[i].reduce((sum, value, at) => sum + (value - mean[i]) * (channels[j][at] - mean[j]), 0) / count;
  return [...squareRoot([0, 1, 2].map((i) => [0, 1, 2].map((j) => entry(i, j)))).flat(), ...mean];
}

/** Of a symmetric matrix of 3 x 3 without negative eigenvalues: turned until it is diagonal (Jacobi), and back. */
function squareRoot(matrix) {
  const turned = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  for (let round = 0; round < 20; round++)
    for (const [p, q] of [[0, 1], [0, 2], [1, 2]]) {
      const angle = Math.atan2(2 * matrix[p][q], matrix[q][q] - matrix[p][p]) / 2;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      const turn = (rows) => rows.forEach((row) => ([row[p], row[q]] = [c * row[p] - s * row[q], s * row[p] + c * row[q]]));
      turn(matrix);
      [matrix[p], matrix[q]] = [0, 1].map((part) => matrix[p].map((one, k) => (part ? s * one + c * matrix[q][k] : c * one - s * matrix[q][k])));
      turn(turned);
    }
  const roots = [0, 1, 2].map((k) => Math.sqrt(Math.max(0, matrix[k][k])));
  return turned.map((row) => turned.map((other) => roots.reduce((sum, root, k) => sum + row[k] * root * other[k], 0)));
}

// ---- step by step

/** What the losses compare with: {conv1_1: activation, gram_conv1_1: Gram matrix over the number of positions, ...}. */
async function features(image, height, width) {
  return (await session("features", true)).run({ image: picture(image, height, width) });
}

/** Lower the loss of the recipe `gatys`, from step `from` + 1 to `steps` or until `stop`. `report` is called after each step. If `from`
 * is not 0, the last run goes on.
 * `settings`: {alpha, beta, tv, content: a layer or null, style: layers, gram: the layer whose matrix is shown}. */
async function descend({ content, style, start, from, steps, settings }, report) {
  const { width, height } = content;
  const before = from ? last : null;
  const image = before?.image ?? planes(start);
  const run = (painting = last = { settings, steps, image, descent: before?.descent, stopped: false });
  run.changed = !run.descent || before.changed || loss(settings) !== loss(before.settings);
  run.ended = new Promise((resolve) => (run.end = resolve));
  try {
    await begun;
    const targets = await features(planes(content), height, width);
    const wanted = await features(planes(style), style.height, style.width);
    const { factors, across, down } = softening(height, width);
    const softener = await session("soften");
    const soften = async (planes) => {
      const given = { factors: tensor(factors, height, width), across: tensor(across, width, width), down: tensor(down, height, height) };
      return (await softener.run({ image: tensor(planes, 3, height, width), ...given })).softened.data;
    };
    for (let index = from + 1; index <= run.steps && !run.stopped; index++) {
      await new Promise((resolve) => setTimeout(resolve)); // so that the page's messages are heard
      if (run.changed) run.descent = new Descent(soften); // of another loss nothing is known
      run.changed = false;
      const settings = run.settings;
      const shown = inside(image);
      const { parts, gradient, grams } = await losses(shown, height, width, targets, wanted, settings);
      const total = parts.content + parts.style + parts.tv;
      if (!Number.isFinite(total)) throw new Error("The loss is no longer a finite number: choose smaller weights, then start again.");
      if (run.stopped) break;
      await run.descent.step(image, total, drawnBack(image, gradient));
      const gram = grams[`gram_${settings.gram}`];
      report({ index, parts, image: pixels(image, height, width), gram: gram && matrix(gram), target: matrix(wanted[`gram_${settings.gram}`]) });
    }
  } finally {
    painting = painting === run ? null : painting;
    run.end();
  }
}

const matrix = ({ data, dims }) => ({ values: data.slice(), side: dims[0] });

/** The weighted parts of the loss, and its gradient. */
async function losses(image, height, width, targets, wanted, { alpha, beta, tv, content, style, gram }) {
  const deepest = Math.max(...[content ?? "conv1_1", ...style, gram].map((layer) => DEPTHS.findIndex((depth) => depth >= layer)));
  const graph = await session(`loss-${DEPTHS[deepest]}`, true);
  const given = { image: picture(image, height, width) };
  const share = beta / Math.max(1, style.length);
  for (const name of graph.inputNames) {
    const layer = name.slice(-7);
    if (name === `content_${layer}`) given[name] = layer === content ? targets[layer] : tensor(new Float32Array(1), 1, 1, 1, 1);
    if (name === `style_${layer}`) given[name] = wanted[`gram_${layer}`];
    if (name === `weight_content_${layer}`) given[name] = number(layer === content ? alpha : 0);
    if (name === `weight_style_${layer}`) given[name] = number(style.includes(layer) ? share : 0);
  }
  const { gradient, ...found } = await graph.run(given);
  const parts = { content: 0, style: 0, tv: 0 };
  if (content) parts.content = alpha * found[`loss_content_${content}`].data[0];
  for (const layer of style) parts.style += share * found[`loss_style_${layer}`].data[0];
  const slopes = gradient.data.slice();
  if (tv) parts.tv = tv * totalVariation(image, height, width, tv, slopes);
  return { parts, gradient: slopes, grams: found };
}

const loss = ({ gram, ...others }) => JSON.stringify(others); // the settings that it depends on

/** Other settings for the run, from its next step on. */
function change({ settings, steps }) {
  if (!painting) return;
  painting.changed ||= loss(settings) !== loss(painting.settings);
  Object.assign(painting, { settings, steps });
}

async function stop() {
  if (!painting) return;
  painting.stopped = true;
  await painting.ended;
}

/** An image's activation of a layer, and the same with its positions shuffled: three filters of each as maps, and both Gram matrices. */
async function shuffle({ image, layer, seed }) {
  const { [layer]: { data, dims } } = await features(planes(image), image.height, image.width); // what a layer sees
  const [, filters, height, width] = dims;
  const order = permutation(height * width, seed);
  const shuffled = data.map((_, i) => data[i - (i % order.length) + order[i % order.length]]);
  const chosen = smoothest(data, filters, height, width);
  const maps = (activation) => chosen.map((k) => ({ values: activation.slice(k * order.length, (k + 1) * order.length), height, width }));
  const [before, after] = [data, shuffled].map((activation) => ({ values: gramMatrix(activation, filters, order.length), side: filters }));
  return {
    maps: [maps(data), maps(shuffled)],
    grams: [before, after],
    changed: [apart(data, shuffled), apart(before.values, after.values)],
  };
}

/** F F^T divided by the number of positions, for F of (filters, positions). */
function gramMatrix(activation, filters, positions) {
  const gram = new Float64Array(filters * filters);
  for (let from = 0; from < positions; from += ROW)
    for (let i = 0; i < filters; i++)
      for (let j = 0; j <= i; j++) {
        let sum = 0;
        for (let m = from; m < Math.min(positions, from + ROW); m++) sum += activation[i * positions + m] * activation[j * positions + m];
        gram[i * filters + j] += sum / positions;
      }
  for (let i = 0; i < filters; i++) for (let j = 0; j < i; j++) gram[j * filters + i] = gram[i * filters + j];
  return gram;
}

function apart(one, other) {
  let [difference, size] = [0, 0];
  for (let i = 0; i < one.length; i++) {
    difference += (one[i] - other[i]) ** 2;
    size += one[i] ** 2;
  }
  return difference / size;
}

/** The three filters whose maps are the easiest to read: neighbours differ least, compared with the map's own spread. */
function smoothest(activation, filters, height, width) {
  const roughness = Array.from({ length: filters }, (_, k) => {
    const map = activation.subarray(k * height * width, (k + 1) * height * width);
    const mean = map.reduce((sum, value) => sum + value, 0) / map.length;
    const spread = Math.sqrt(map.reduce((sum, value) => sum + (value - mean) ** 2, 0) / map.length) + 1e-6;
    let jumps = 0;
    for (let i = width; i < map.length; i++) jumps += Math.abs(map[i] - map[i - width]);
    return jumps / map.length / spread;
  });
  return [...roughness.keys()].sort((one, other) => roughness[one] - roughness[other]).slice(0, 3);
}

/** The numbers below n in random order (Fisher and Yates), the same for the same seed (mulberry32). */
function permutation(n, seed) {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    seed = (seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    const j = ((bits ^ (bits >>> 14)) >>> 0) % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
