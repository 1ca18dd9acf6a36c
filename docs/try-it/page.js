// What the reader sees and touches; painter.js computes.

(async () => {
  "use strict";
  const get = (id) => document.getElementById(id);
  const trouble = (text) => (get("trouble").textContent = text);
  const STYLE = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"];
  const CONTENT = ["conv2_2", "conv3_1", "conv4_2"];
  const TV_PIXELS = 256 * 192; // of the image that the weight of total variation was chosen for
  const SHORT = 256; // pixels of a style image that the network reads
  const LARGEST = 4096; // pixels of a photograph's long side that are kept

  if (location.protocol === "file:") return trouble("Open this page from a web server: browsers do not let a page that was opened as a file load the networks.");
  if (!self.DecompressionStream || !self.WebAssembly || !self.Worker) return trouble("This browser is too old for the page: it needs one of 2023 or later.");

  const lost = (name) => `The file ${name} could not be loaded: check the connection, then reload the page.`;
  const manifest = await fetch("files.json", { cache: "no-cache" }).then((answer) => answer.json()).catch(() => null);
  if (!manifest) return trouble(lost("files.json"));
  await speak();
  if (await reloadedForThreads()) return;

  // ---- the worker, and what it loads

  const painter = new Worker("painter.js", { type: "module" });
  const asked = new Map();
  const loads = new Map(); // file -> [bytes so far, bytes]
  let number = 0;

  painter.onmessage = ({ data }) => {
    if (data.loading) return showLoading(data);
    const one = asked.get(data.id);
    if (data.step) return one.report?.(data.step);
    asked.delete(data.id);
    if (data.error === undefined) return one.resolve(data.result);
    loads.clear(); // nothing more comes of what was loading
    get("loading").hidden = true;
    one.reject(new Error(data.error));
  };
  painter.onerror = () => trouble("The part of the page that computes could not be loaded: reload the page.");

  function ask(task, given = {}, report) {
    return new Promise((resolve, reject) => {
      asked.set(++number, { resolve, reject, report });
      painter.postMessage({ id: number, task, ...given });
    });
  }

  function showLoading({ loading, of, more = 0 }) {
    const [before] = loads.get(loading) ?? [0];
    loads.set(loading, [before + more, of]);
    const [done, all] = [0, 1].map((part) => [...loads.values()].reduce((sum, load) => sum + load[part], 0));
    get("loaded").max = all;
    get("loaded").value = done;
    get("loading").hidden = done >= all;
    get("loading-text").textContent = `Loading ${(all / 1e6).toFixed(1)} MB, once`;
    if (done >= all) loads.clear();
  }

  // ?gpu=no computes on the processor, ?gpu=software also on a GPU that the browser pretends
  const gpu = { no: false, software: "software" }[new URLSearchParams(location.search).get("gpu")] ?? true;
  const ready = ask("start", { threads: Math.min(8, navigator.hardwareConcurrency || 1), gpu });
  ready.then(
    ({ gpu, threads }) => (get("machine").textContent = gpu ? "Runs on this device's GPU." : threads > 1 ? `Runs on ${threads} cores.` : "Runs on one core."),
    (error) => trouble(error.message),
  );

  // ---- images

  /** An image file or address as a canvas, turned as its camera says. */
  async function open(source) {
    const blob = source instanceof Blob ? source : await fetch(source).then((answer) => answer.blob()).catch(() => Promise.reject(new Error(lost(source))));
    const bitmap = await createImageBitmap(blob).catch(() => null);
    if (!bitmap) throw new Error(`“${source.name ?? source}” cannot be read as an image: open a JPEG, PNG or WebP file.`);
    if (Math.min(bitmap.width, bitmap.height) < 16) throw new Error(`“${source.name ?? source}” is smaller than 16 pixels: open a larger one.`);
    return drawn(bitmap, fitted(bitmap, Math.min(LARGEST, Math.max(bitmap.width, bitmap.height))));
  }

  function drawn(image, [width, height]) {
    const canvas = new OffscreenCanvas(width, height);
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.imageSmoothingQuality = "high";
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, width, height);
    pen.drawImage(image, 0, 0, width, height);
    return canvas;
  }

  /** [width, height] with that long side, of multiples. */
  function fitted({ width, height }, long, multiple = 1, least = 16) {
    const scale = long / Math.max(width, height);
    return [width, height].map((side) => Math.max(least, Math.round((side * scale) / multiple) * multiple));
  }

  const pixels = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);

  function show(canvas, image, label) {
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0);
    if (label) canvas.setAttribute("aria-label", label);
  }

  function save(canvas, name) {
    canvas.toBlob((blob) => {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }

  /** Buttons with the built-in images; `chosen(canvas, name)` is called with the one that is pressed. */
  function choices(box, kind, chosen) {
    const names = Object.keys(manifest.pictures).filter((name) => manifest.pictures[name].kind === kind);
    for (const name of names) {
      const button = Object.assign(document.createElement("button"), { type: "button", value: name });
      button.append(Object.assign(new Image(), { src: `${name}.jpg`, alt: manifest.pictures[name].alt }));
      button.onclick = () => choose(chosen, `${name}.jpg`, name);
      box.append(button);
    }
    return names;
  }

  const press = (box, name) => box.querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", button.value === name));

  /** Run something; what goes wrong is shown in one line. */
  async function guarded(work) {
    try {
      trouble("");
      return await work();
    } catch (error) {
      trouble(error.message);
    }
  }

  /** Open an image and call `chosen` with it, unless another one has been chosen for the same place in the meantime. */
  function choose(chosen, source, name) {
    const turn = (chosen.turn = (chosen.turn ?? 0) + 1);
    return guarded(async () => {
      const canvas = await open(source);
      if (turn === chosen.turn) await chosen(canvas, name);
    });
  }

  function file(input, chosen) {
    input.onchange = () => {
      const [picked] = input.files;
      if (picked) choose(chosen, picked);
      input.value = ""; // so that the same file can be opened again
    };
  }

  // ---- the photograph

  let photograph, stream = null, asking = false;
  async function setPhotograph(canvas, name = "") {
    stopCamera();
    photograph = canvas;
    press(get("photographs"), name);
    await stopRun();
    first();
    await paint();
  }
  choices(get("photographs"), "content", setPhotograph);
  file(get("photograph-file"), setPhotograph);
  const drop = get("drop");
  for (const name of ["dragenter", "dragover"]) document.addEventListener(name, (event) => (event.preventDefault(), drop.classList.add("over")));
  for (const name of ["dragleave", "drop"]) document.addEventListener(name, () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    if (event.target.type === "file") return; // on a button that opens a file, which takes it
    event.preventDefault();
    const [dropped] = event.dataTransfer.files;
    if (dropped) choose(setPhotograph, dropped);
    else trouble("What was dropped is not a file: save the image first, then drop that.");
  });

  get("camera").onclick = () => guarded(() => (stream ? setPhotograph(photograph) : startCamera()));
  async function startCamera() {
    if (asking) return;
    asking = true;
    const camera = await navigator.mediaDevices?.getUserMedia({ video: { width: 640 } }).catch(() => null);
    asking = false;
    if (!camera) throw new Error("There is no camera, or the browser does not let the page use it.");
    stream = camera;
    get("camera").textContent = "Stop the camera";
    press(get("photographs"), "");
    const video = get("video");
    video.srcObject = stream;
    try {
      await video.play();
      while (stream === camera) {
        photograph = drawn(video, fitted({ width: video.videoWidth, height: video.videoHeight }, 480));
        if (shares()) await paint(); // with all styles at 0 it waits
        await new Promise(requestAnimationFrame);
      }
    } finally {
      if (stream === camera) stopCamera();
    }
  }
  function stopCamera() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    get("camera").textContent = "Camera";
  }

  // ---- at once

  const sliders = new Map(); // style -> its slider
  let own = null; // the code of the reader's own style image
  const codesRead = {}; // of built-in styles, for the second network
  const names = choices(document.createElement("div"), "style", () => {});
  names.forEach((name, index) => addSlider(name, name.replace("-", " "), `${name}.jpg`, index ? 0 : 100));

  function addSlider(key, label, address, value) {
    const line = Object.assign(document.createElement("label"), { className: "slider" });
    const text = document.createElement("span");
    text.append(Object.assign(new Image(), { src: address, alt: "" }), label);
    const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 100, value, id: `style-${key}` });
    line.append(text, slider, document.createElement("output"));
    slider.oninput = () => (shares(), soon());
    sliders.set(key, slider);
    get("blend").append(line);
    shares();
  }

  function shares() {
    const total = [...sliders.values()].reduce((sum, slider) => sum + Number(slider.value), 0);
    for (const slider of sliders.values()) {
      slider.nextSibling.textContent = total ? `${Math.round((100 * slider.value) / total)} %` : "0 %";
      slider.setAttribute("aria-valuetext", slider.nextSibling.textContent);
    }
    return total;
  }

  /** The mixture's code. With a style of the reader's own all are codes of the network that paints any style, which has none of its
   * own: those of the built-in styles are read from their images. */
  async function mixture() {
    const { codes } = await ready;
    const total = shares();
    if (!total) throw new Error("All styles are at 0: move a slider.");
    const parts = [...sliders].map(([key, slider], index) => [key, index, slider.value / total]).filter(([, , share]) => share);
    const network = parts.some(([key]) => key === "own") ? "any" : "six";
    const mine = own; // which may change meanwhile, as the sliders may
    let code;
    for (const [key, index, share] of parts) {
      const one = network === "six" ? codes[index] : key === "own" ? mine : (codesRead[key] ??= await read(await open(`${key}.jpg`)));
      code ??= new Float32Array(one.length);
      one.forEach((value, i) => (code[i] += value * share));
    }
    return { network, code };
  }

  let busy = false, wanted = false, timer;
  const soon = () => (clearTimeout(timer), (timer = setTimeout(() => guarded(paint), 60)));
  async function paint() {
    if (busy) return void (wanted = true);
    if (!photograph) return; // before the first one has been loaded
    busy = true;
    wanted = false;
    try {
      const mixed = await mixture();
      const long = stream ? 256 : Number(get("once-size").value);
      const image = pixels(drawn(photograph, fitted(photograph, Math.min(long, Math.max(photograph.width, photograph.height)))));
      const painted = await ask("paint", { image, ...mixed });
      show(get("painted"), painted.image, "Your photograph, painted");
      if (!stream) get("painted-text").textContent = `Painted in ${painted.seconds.toFixed(2)} s, ${image.width} x ${image.height} pixels.`;
      get("painted-save").disabled = false;
    } finally {
      busy = false;
      if (wanted && !(stream && shares())) soon(); // the camera paints again by itself
    }
  }

  const read = (canvas) => {
    const long = Math.round((SHORT * Math.max(canvas.width, canvas.height)) / Math.min(canvas.width, canvas.height));
    return ask("read", { image: pixels(drawn(canvas, fitted(canvas, Math.min(4 * SHORT, long)))) });
  };

  file(get("style-file"), async (canvas) => {
    own = await ready.then(() => read(canvas));
    removeOwn();
    addSlider("own", "your style", URL.createObjectURL(await drawn(canvas, fitted(canvas, 96)).convertToBlob()), 100);
    for (const [key, slider] of sliders) slider.value = key === "own" ? 100 : 0;
    get("own-remove").hidden = false;
    await paint();
  });
  function removeOwn() {
    sliders.get("own")?.closest("label").remove();
    sliders.delete("own");
  }
  get("own-remove").onclick = () => {
    removeOwn();
    own = null;
    if (!shares()) sliders.get(names[0]).value = 100;
    get("own-remove").hidden = true;
    get("style-file").focus();
    soon();
  };
  get("once-size").onchange = soon;
  get("paint").onclick = () => guarded(paint);
  get("painted-save").onclick = () => save(get("painted"), "painted.png");

  // ---- step by step

  let style, content, running = false, history = [];
  let before = 0; // steps of runs that reached their end
  function setStyle(canvas, name = "") {
    style = canvas;
    press(get("styles"), name);
    return stopRun().then(first);
  }
  choices(get("styles"), "style", setStyle);
  file(get("step-style-file"), setStyle);

  for (const [box, kind, layers, chosen] of [["content-layers", "radio", [...CONTENT, "none"], ["conv4_2"]], ["style-layers", "checkbox", STYLE, STYLE]]) {
    for (const layer of layers) {
      const label = document.createElement("label");
      label.append(Object.assign(document.createElement("input"), { type: kind, name: box, value: layer, checked: chosen.includes(layer) }), layer);
      get(box).append(label);
    }
    get(box).onchange = update;
  }
  for (const layer of STYLE) get("gram-layer").append(new Option(layer, layer, layer === "conv2_1", layer === "conv2_1"));
  get("gram-layer").onchange = () => (running ? update() : noGrams());
  for (const id of ["alpha", "beta", "tv"]) get(id).oninput = update;
  get("steps").onchange = () => ((get("steps").value = steps()), update());

  const power = (id) => (Number(get(id).value) === Number(get(id).min) ? 0 : 10 ** get(id).value); // a slider's left end is 0
  function settings() {
    const { width, height } = content;
    const picked = (box) => [...get(box).querySelectorAll(":checked")].map((input) => input.value);
    return {
      alpha: power("alpha"), beta: power("beta"), tv: (power("tv") * TV_PIXELS) / (width * height),
      content: picked("content-layers").find((layer) => layer !== "none") ?? null, style: picked("style-layers"), gram: get("gram-layer").value,
    };
  }
  const steps = () => Math.min(2000, Math.max(1, Math.round(get("steps").value) || 1));
  const goal = () => before + steps();

  function update() {
    for (const id of ["alpha", "beta", "tv"]) {
      const value = power(id);
      get(id).nextSibling.textContent = value >= 1e4 ? value.toExponential(1).replace("e+", " e") : Number(value.toPrecision(2));
      get(id).setAttribute("aria-valuetext", Number(value.toPrecision(2)));
    }
    if (running) ask("change", { settings: settings(), steps: goal() });
  }

  /** The style image as large as the recipe wants it: its short side is the content's. */
  function styleSize({ width, height }) {
    const [long, short] = [Math.max(style.width, style.height), Math.min(style.width, style.height)];
    return fitted(style, Math.min(Math.round((Math.min(width, height) * long) / short), 2 * Math.max(width, height)));
  }

  /** Before the first step. */
  function first() {
    history = [];
    before = 0;
    if (!photograph || !style) return;
    content = pixels(drawn(photograph, fitted(photograph, Number(get("step-size").value), 16, 32))); // 32: two positions in conv5_1
    show(get("image"), get("begin").value === "noise" ? noise(content) : content, "The generated image, before the first step");
    drawCurve();
    noGrams();
    get("step-text").textContent = "Not started yet.";
    get("run").textContent = "Start";
    get("again").disabled = get("image-save").disabled = true;
  }

  async function run() {
    if (!history.length) first(); // the camera may have seen something else since
    if (!content) return;
    if (history.length >= goal()) before = history.length;
    running = true;
    const from = history.length;
    get("run").textContent = "Pause";
    get("again").disabled = false;
    try {
      const began = performance.now();
      const given = { content, style: pixels(drawn(style, styleSize(content))), start: pixels(get("image")), from, steps: goal(), settings: settings() };
      await ask("descend", given, ({ index, parts, image, gram, target }) => {
        show(get("image"), image, "The generated image");
        history.push(parts);
        drawCurve();
        if (gram) drawGram(get("gram"), gram, largest(target), "Gram matrix of the generated image");
        drawGram(get("gram-style"), target, largest(target), "Gram matrix of the style image");
        const seconds = (performance.now() - began) / 1000;
        const total = parts.content + parts.style + parts.tv;
        get("image-save").disabled = false;
        say(`Step ${index} of ${goal()}, loss ${total.toExponential(3)}, ${(seconds / (index - from)).toFixed(2)} s a step.`, index);
      });
      say(history.length >= goal() ? `Done after ${history.length} steps.` : `Paused after ${history.length} steps.`);
    } finally {
      running = false;
      get("run").textContent = "Continue";
    }
  }
  /** A screen reader is told every tenth step only. */
  function say(text, index = 10) {
    get("step-text").setAttribute("aria-live", index % 10 ? "off" : "polite");
    get("step-text").textContent = text;
  }
  async function stopRun() {
    while (running) await ask("stop"); // also a run that was started meanwhile
  }
  let again = false; // a run is about to start again
  get("run").onclick = () => (running ? ask("stop") : again || guarded(run));
  get("again").onclick = () => again || guarded(async () => {
    again = true;
    await stopRun().finally(() => (again = false));
    first();
    await run();
  });
  get("step-size").onchange = get("begin").onchange = () => guarded(() => stopRun().then(first));
  get("image-save").onclick = () => save(get("image"), "stylised.png");

  /** Uniform noise, the same for the same size (mulberry32, seed 0). */
  function noise({ width, height }) {
    const image = new ImageData(width, height);
    let seed = 0;
    for (let i = 0; i < image.data.length; i++) {
      seed = (seed + 0x6d2b79f5) | 0;
      let bits = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
      image.data[i] = i % 4 === 3 ? 255 : bits >>> 24;
    }
    return image;
  }

  function drawCurve() {
    const canvas = get("curve");
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (!history.length) return canvas.setAttribute("aria-label", "The loss, not measured yet");
    const lines = {
      total: history.map(({ content, style, tv }) => content + style + tv), ...Object.fromEntries(["content", "style", "tv"].map((part) => [part, history.map((parts) => parts[part])])),
    };
    const values = Object.values(lines).flat().filter((value) => value > 0).map(Math.log10);
    const top = Math.ceil(Math.max(...values)), bottom = Math.max(Math.floor(Math.min(...values)), top - 6);
    const place = (value) => 8 + ((canvas.height - 16) * (top - Math.log10(value))) / (top - bottom || 1);
    const colours = getComputedStyle(document.body);
    pen.font = "14px system-ui, sans-serif";
    pen.fillStyle = colours.color;
    pen.strokeStyle = colours.getPropertyValue("--line");
    for (let power = bottom; power <= top; power++) {
      pen.fillText(`1e${power}`, 2, Math.min(canvas.height - 2, Math.max(12, place(10 ** power) + 4)));
      pen.globalAlpha = 0.3;
      pen.strokeRect(44, place(10 ** power), canvas.width, 0);
      pen.globalAlpha = 1;
    }
    for (const [part, line] of Object.entries(lines)) {
      pen.strokeStyle = part === "total" ? colours.color : colours.getPropertyValue(`--${part}`);
      pen.lineWidth = part === "total" ? 3 : 1.5;
      pen.setLineDash({ content: [9, 4], style: [2, 3] }[part] ?? []);
      pen.beginPath();
      line.forEach((value, i) => value > 0 && pen.lineTo(46 + ((canvas.width - 50) * i) / Math.max(1, line.length - 1), Math.min(canvas.height, place(value))));
      pen.stroke();
    }
    Object.assign(canvas.dataset, { losses: JSON.stringify(lines.total), parts: JSON.stringify(history.at(-1)) });
    canvas.setAttribute("aria-label", `The loss: from ${lines.total[0].toExponential(1)} to ${lines.total.at(-1).toExponential(1)} in ${history.length} steps`);
  }

  function noGrams() {
    show(get("gram"), new ImageData(96, 96), "Gram matrix of the generated image, not computed yet");
    show(get("gram-style"), new ImageData(96, 96), "Gram matrix of the style image, not computed yet");
  }

  const largest = ({ values }) => values.reduce((most, value) => Math.max(most, value), 1e-12);
  /** A square matrix on a logarithmic scale over three powers of ten, dark to light. */
  function drawGram(canvas, { values, side }, most, label) {
    const image = new ImageData(side, side);
    values.forEach((value, i) => image.data.set(shade(1 + Math.log10(Math.max(value / most, 1e-3)) / 3), 4 * i));
    show(canvas, image, label);
  }
  const SHADES = [[8, 6, 30], [78, 18, 110], [178, 42, 90], [240, 120, 40], [252, 250, 170]]; // even steps to the eye
  function shade(share) {
    const place = (SHADES.length - 1) * Math.min(0.9999, Math.max(0, share));
    const [low, high] = [SHADES[Math.floor(place)], SHADES[Math.floor(place) + 1]];
    return [...low.map((value, c) => value + (high[c] - value) * (place % 1)), 255];
  }

  get("shuffle").onclick = () => guarded(async () => {
    await stopRun();
    await ready;
    if (!content) return;
    const layer = get("gram-layer").value;
    const image = pixels(drawn(style, styleSize(content)));
    const { maps, grams, changed } = await ask("shuffle", { image, layer, seed: 0 });
    const most = largest(grams[0]);
    const brightest = maps[0].map(largest);
    get("shuffled").replaceChildren(...["as it is", "shuffled"].flatMap((when, index) => [
      ...maps[index].map((map, k) => figure(`Activation map of a filter, ${when}`, (canvas) => drawMap(canvas, map, brightest[k]))),
      figure(`Gram matrix, ${when}`, (canvas, label) => drawGram(canvas, grams[index], most, label)),
    ]));
    get("shuffle-text").textContent = `${layer}: the activation changed by ${changed[0].toFixed(2)} of its sum of squares, the Gram matrix by ${changed[1].toExponential(0)}.`;
  });
  function figure(label, draw) {
    const [figure, canvas, caption] = ["figure", "canvas", "figcaption"].map((name) => document.createElement(name));
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    draw(canvas, label);
    caption.textContent = label;
    figure.append(canvas, caption);
    return figure;
  }
  function drawMap(canvas, { values, height, width }, most) {
    const image = new ImageData(width, height);
    values.forEach((value, i) => image.data.set([...Array(3).fill(255 * Math.sqrt(Math.max(0, value) / most)), 255], 4 * i));
    show(canvas, image);
  }

  // ---- language and threads

  async function speak() {
    const offered = Object.entries(manifest.languages);
    const select = get("language");
    select.append(new Option("English", "en"), ...offered.map(([code, { name }]) => new Option(name, code)));
    get("language-label").hidden = !offered.length;
    const asked = new URLSearchParams(location.search).get("language") ?? navigator.language.split("-")[0];
    select.value = asked;
    if (!select.value) select.value = "en";
    select.onchange = () => {
      const address = new URL(location.href);
      address.searchParams.set("language", select.value);
      location.replace(address);
    };
    if (select.value === "en") return;
    const pairs = await fetch(`${select.value}.json`).then((answer) => answer.json()).catch(() => null);
    if (!pairs) return void (select.value = "en");
    document.documentElement.lang = select.value;
    document.documentElement.dir = manifest.languages[select.value].direction;
    translate(document.documentElement, pairs);
  }

  /** With a service worker's headers the page may use several cores. It has to be loaded once more for that. */
  async function reloadedForThreads() {
    try {
      if (self.crossOriginIsolated || !navigator.serviceWorker || navigator.hardwareConcurrency === 1 || sessionStorage.getItem("threads")) return false;
      const late = new Promise((resolve) => setTimeout(resolve, 3000));
      const registered = navigator.serviceWorker.register("threads.js").then(() => navigator.serviceWorker.ready, () => null);
      if (!(await Promise.race([registered, late]))) return false;
      sessionStorage.setItem("threads", "asked");
    } catch {
      return false; // storage is blocked
    }
    location.reload();
    return true;
  }

  const credits = [...new Set(Object.values(manifest.pictures).map(({ credit }) => credit))];
  get("credits").textContent = credits.join("; ");
  update();
  get("controls").disabled = false;
  await guarded(async () => {
    style = await open(`${names[0]}.jpg`);
    press(get("styles"), names[0]);
    await setPhotograph(await open("cat.jpg"), "cat");
  });
})();
