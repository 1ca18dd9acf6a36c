// The studio's page. widget.py answers it: `model.send` asks, "msg:custom" brings what there is to show.
// Nothing is fetched from anywhere; an image comes as bytes beside its message.

const PIECE = 512 * 1024; // bytes of an upload in one message
const LARGEST = 20 * 1024 * 1024; // of one image's file
const ALIVE = 5_000; // milliseconds between two signs of life
const PATIENCE = 10_000; // milliseconds until a kernel that does not answer is reported
const NARROW = 740; // pixels of the studio's width below which it is one column
const CURVES = { total: "total", content: "content", style: "style", tv: "total variation" };
const ENDED = ["stopped", "done", "failed"];
let count = 0;

/** An element: h("button", {type: "button", onclick}, "Paint"). Names with a dash become attributes. */
function h(tag, settings = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name.includes("-") || ["for", "list", "role"].includes(name)) element.setAttribute(name, value);
    else element[name === "class" ? "className" : name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Three digits at most: 0.25, 1200, 1e8. */
function number(value) {
  const short = Number(Number(value).toPrecision(3));
  const size = Math.abs(short);
  return size && (size >= 1e5 || size < 1e-3) ? short.toExponential().replace("e+", "e") : String(short);
}

function duration(seconds) {
  if (seconds < 0.0995) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Shows bytes in an image, and lets go of the ones before. */
function paintInto(image, bytes) {
  const address = URL.createObjectURL(new Blob([bytes]));
  image.onload = image.onerror = () => URL.revokeObjectURL(address);
  image.src = address;
  image.hidden = false;
}

class Form {
  constructor(studio) {
    this.studio = studio;
    this.model = studio.model;
    this.choices = studio.model.get("choices");
    this.id = (name) => `${studio.id}-${name}`;
    this.controls = {};
    this.thumbs = {};
    this.element = h(
      "form",
      { class: "sl-form", noValidate: true, "aria-label": "What to paint", onsubmit: (event) => this.submit(event) },
      h("div", { class: "sl-pair" }, this.image("content", "Content image"), this.image("style", "Style image")),
      this.recipe(),
      this.machine(),
      this.numbers(),
      this.balance(),
      this.smoother(),
      this.layers(),
      h(
        "div",
        { class: "sl-actions" },
        h("button", { type: "submit", class: "sl-main" }, "Paint"),
        h("button", { type: "button", onclick: () => this.reset() }, "Reset to the recipe"),
      ),
    );
    this.show();
  }

  get values() {
    return { ...this.model.get("form") };
  }

  set(changes) {
    this.model.set("form", { ...this.values, ...changes });
    this.model.save_changes();
    this.show();
  }

  /** A label, its control, and a line of explanation that belongs to it. */
  field(name, label, control, hint) {
    control.id = this.id(name);
    this.controls[name] = control;
    const parts = [h("label", { for: control.id }, label), control];
    if (hint) {
      hint.id = `${control.id}-hint`;
      control.setAttribute("aria-describedby", hint.id);
      parts.push(hint);
    }
    return h("div", { class: `sl-field sl-${name}` }, ...parts);
  }

  select(name, label, options, hint) {
    const control = h("select", { onchange: (event) => this.chosen(name, event.target.value) });
    control.append(...options.map((each) => h("option", { value: each.name }, each.label ?? each.name)));
    return this.field(name, label, control, hint);
  }

  chosen(name, value) {
    if (name === "recipe") return this.own(value);
    this.set({ [name]: value });
    if (name in this.thumbs) this.studio.send({ kind: "thumb", role: name, name: value });
  }

  image(role, label) {
    const image = h("img", { alt: "", hidden: true });
    const file = h("input", { type: "file", accept: "image/*", hidden: true, onchange: () => this.upload(role, file) });
    file.setAttribute("aria-label", `${label}: a file of your own`);
    const place = h("div", { class: "sl-thumb" }, image, h("span", { class: "sl-drop", "aria-hidden": "true" }, "or drop a file here"));
    const words = h("span", { class: "sl-hint" });
    this.thumbs[role] = { image, words, place };
    const card = h(
      "div",
      { class: "sl-image" },
      place,
      this.select(role, label, this.choices[role], words),
      file,
      h(
        "button",
        { type: "button", class: "sl-choose", "aria-label": `Choose a file for the ${role} image`, onclick: () => file.click() },
        "Choose a file …",
      ),
    );
    card.addEventListener("dragover", (event) => this.drag(event, place, true));
    card.addEventListener("dragleave", (event) => this.drag(event, place, false));
    card.addEventListener("drop", (event) => {
      this.drag(event, place, false);
      this.send(role, event.dataTransfer.files[0]);
    });
    return card;
  }

  drag(event, place, over) {
    event.preventDefault();
    event.stopPropagation();
    place.classList.toggle("sl-over", over);
  }

  upload(role, input) {
    this.send(role, input.files[0]);
    input.value = ""; // or the same file could not be chosen again
  }

  async send(role, file) {
    if (!file) return this.studio.say("that is no file: drop an image from your computer", true);
    if (file.size > LARGEST) {
      const size = Math.round(file.size / 2 ** 20);
      return this.studio.say(`'${file.name}' has ${size} MB, more than 20: save it smaller, such as a JPEG of 4000 pixels`, true);
    }
    let bytes;
    try {
      bytes = await file.arrayBuffer();
    } catch {
      return this.studio.say(`'${file.name}' cannot be read: is it a folder?`, true);
    }
    this.studio.say(`sending ${file.name} …`);
    const pieces = Math.max(1, Math.ceil(bytes.byteLength / PIECE));
    for (let index = 0; index < pieces; index++) {
      const piece = bytes.slice(index * PIECE, (index + 1) * PIECE);
      this.studio.send({ kind: "piece", role, name: file.name, index, count: pieces }, [piece]);
    }
  }

  /** The image that is chosen now. What the kernel chose itself, such as an upload, is taken over. */
  thumb(message, bytes) {
    const { role, name, label, size } = message;
    const { image, words } = this.thumbs[role];
    const select = this.controls[role];
    if (name === "uploaded") {
      const own = select.querySelector("[value=uploaded]") ?? select.appendChild(h("option", { value: "uploaded" }));
      own.textContent = label;
    }
    if (name === "uploaded" || this.values[role] === "uploaded") this.set({ [role]: name });
    if (this.values[role] !== name) return; // another has been chosen since
    const built = this.choices[role].find((each) => each.name === name);
    paintInto(image, bytes);
    image.alt = `The ${role} image: ${built ? built.alt : label}`;
    words.textContent = `${size[0]} × ${size[1]} pixels`;
  }

  recipe() {
    this.summary = h("span", { class: "sl-hint" });
    return this.select("recipe", "Recipe", this.choices.recipes, this.summary);
  }

  machine() {
    return h(
      "div",
      { class: "sl-row" },
      this.select("backend", "Framework", this.choices.backends),
      this.select("encoder", "Encoder", this.choices.encoders),
    );
  }

  numbers() {
    const [least, most] = this.choices.sizes;
    const whole = (name, label, limits) => {
      const control = h("input", { type: "number", step: 1, required: true, inputMode: "numeric", ...limits });
      control.addEventListener("input", () => this.set({ [name]: control.value === "" ? null : Number(control.value) }));
      return this.field(name, label, control);
    };
    this.author = h("p", { class: "sl-hint" });
    return h(
      "div",
      {},
      h(
        "div",
        { class: "sl-row" },
        whole("size", "Size (px)", { min: least, max: most }),
        whole("steps", "Steps", { min: 1, max: this.choices.steps }),
        whole("seed", "Seed", { min: 0, max: 2 ** 32 - 1 }),
      ),
      this.author,
    );
  }

  slider(name, label, limits) {
    const said = h("output", { class: "sl-hint", htmlFor: this.id(name) });
    const control = h("input", { type: "range", ...limits });
    control.addEventListener("input", () => this.set({ [name]: Number(control.value) }));
    return [this.field(name, label, control, said), said];
  }

  balance() {
    const [field, said] = this.slider("balance", "Style against content, β / α", { min: -3, max: 3, step: 0.25 });
    this.balanceSaid = said;
    return field;
  }

  smoother() {
    const most = this.choices.smoother.length - 1;
    const [field, said] = this.slider("smoother", "Smoothness, total variation", { min: 0, max: most, step: 1 });
    this.smootherSaid = said;
    return field;
  }

  layers() {
    this.boxes = {};
    const set = (role, label) => {
      this.boxes[role] = this.choices.layers.map((layer) =>
        h("input", { type: "checkbox", value: layer, onchange: () => this.layersChosen(role) }),
      );
      const chips = this.boxes[role].map((box) => h("label", { class: "sl-chip" }, box, h("span", {}, box.value)));
      return h("fieldset", {}, h("legend", {}, label), h("div", { class: "sl-chips" }, ...chips));
    };
    this.layersSaid = h("span", { class: "sl-hint" });
    return h(
      "details",
      { class: "sl-layers" },
      h("summary", {}, "Layers ", this.layersSaid),
      set("content", "Content layers"),
      set("style", "Style layers"),
    );
  }

  layersChosen(role) {
    this.set({ [`${role}_layers`]: this.boxes[role].filter((box) => box.checked).map((box) => box.value) });
  }

  recipeOf(name) {
    return this.choices.recipes.find((each) => each.name === name);
  }

  /** Take over what a recipe says; images, framework, encoder and seed stay as they are. */
  own(name) {
    const recipe = this.recipeOf(name);
    const { size, steps, content_layers, style_layers } = recipe;
    const smoother = recipe.weights[this.values.encoder].tv ? this.choices.usual : 0;
    this.set({ recipe: name, size, steps, content_layers, style_layers, balance: 0, smoother });
  }

  reset() {
    this.own(this.values.recipe);
    this.studio.say(`everything as in the recipe ${this.values.recipe}`);
  }

  /** Bring the controls in line with the values; one that is being typed into is left alone. */
  show() {
    const values = this.values;
    const recipe = this.recipeOf(values.recipe);
    for (const [name, control] of Object.entries(this.controls)) {
      const text = values[name] === null || values[name] === undefined ? "" : String(values[name]);
      if (control.value !== text && !(control.type === "number" && control === control.getRootNode().activeElement)) control.value = text;
    }
    this.summary.textContent = recipe.summary;
    this.summary.title = recipe.source;
    this.author.textContent = `The author’s own: ${recipe.author}. ${recipe.seeded ? "The seed decides the noise of its start." : "It starts from the content image, so the seed changes nothing."}`;
    this.showWeights(recipe, values);
    for (const role of ["content", "style"]) {
      for (const box of this.boxes[role]) box.checked = values[`${role}_layers`].includes(box.value);
    }
    this.layersSaid.textContent = `content ${values.content_layers.join(", ") || "none"}; style ${values.style_layers.length}`;
  }

  showWeights(recipe, values) {
    const own = recipe.weights[values.encoder];
    const factor = 10 ** values.balance;
    const ratio = number((own.beta / own.alpha) * factor);
    this.balanceSaid.textContent = values.balance === 0 ? `${ratio}, the recipe’s own` : `${ratio}, ${number(factor)} times the recipe’s`;
    this.controls.balance.setAttribute("aria-valuetext", this.balanceSaid.textContent);
    const times = this.choices.smoother[values.smoother];
    const usual = values.smoother === (own.tv ? this.choices.usual : 0);
    const word = times === 0 ? "none" : `${times} times ${own.tv ? "the recipe’s" : "a usual weight"}`;
    this.smootherSaid.textContent = usual ? (times ? "the recipe’s own" : "none, as in the recipe") : word;
    this.controls.smoother.setAttribute("aria-valuetext", this.smootherSaid.textContent);
  }

  submit(event) {
    event.preventDefault();
    this.studio.send({ kind: "start", form: this.values });
  }
}

/** One run: its image, how it goes, what can be done with it. */
class Card {
  constructor(studio, run) {
    this.studio = studio;
    this.number = run.id;
    const id = `${studio.id}-run-${run.id}`;
    this.title = h("h3", { id: `${id}-title` }, `Run ${run.id}: ${run.content} as ${run.style}`);
    this.state = h("span", { class: "sl-state" });
    this.bar = h("progress", { max: run.steps, value: 0, "aria-label": `Progress of run ${run.id}` });
    this.facts = h("p", { class: "sl-facts" });
    this.error = h("p", { class: "sl-error", hidden: true });
    this.before = h("img", { class: "sl-before", alt: `Before: ${run.content}`, hidden: true, draggable: false });
    this.after = h("img", { class: "sl-after", alt: "", hidden: true, draggable: false });
    this.line = h("span", { class: "sl-line", "aria-hidden": "true" });
    this.frame = h("div", { class: "sl-frame" }, this.before, this.after, this.line);
    this.slider = h("input", { type: "range", min: 0, max: 100, value: 0, id: `${id}-slider`, oninput: () => this.divide() });
    this.plot = h("div", { class: "sl-plot" });
    this.settings = h("dl", {});
    this.element = h(
      "article",
      { class: "sl-run", "aria-labelledby": this.title.id },
      h("header", {}, this.title, this.state),
      this.frame,
      h("div", { class: "sl-compare" }, h("label", { for: this.slider.id }, "Before / after"), this.slider),
      this.bar,
      this.facts,
      this.error,
      this.buttons(),
      this.plot,
      this.savings(),
      h("details", { class: "sl-settings" }, h("summary", {}, "Settings"), this.settings),
    );
    this.frame.addEventListener("pointerdown", (event) => this.drag(event));
    this.describe(run);
    this.divide();
  }

  button(label, message) {
    const act = () => this.studio.send({ run: this.number, ...message() });
    return h("button", { type: "button", "aria-label": `${label} run ${this.number}`, onclick: act }, label);
  }

  buttons() {
    this.pause = this.button("Pause", () => ({ kind: "order", order: this.run.state === "paused" ? "resume" : "pause" }));
    this.stop = this.button("Stop", () => ({ kind: "order", order: "stop" }));
    this.remove = this.button("Remove", () => ({ kind: "remove" }));
    return h("div", { class: "sl-actions" }, this.pause, this.stop, this.remove);
  }

  savings() {
    const labels = { image: "Image", settings: "Settings", filmstrip: "Filmstrip", film: "GIF" };
    this.saves = Object.entries(labels).map(([what, label]) => {
      const button = this.button(label, () => ({ kind: "save", what }));
      button.setAttribute("aria-label", `Save the ${label === "GIF" ? "GIF" : label.toLowerCase()} of run ${this.number}`);
      return button;
    });
    return h("div", { class: "sl-saves", role: "group", "aria-label": `Save run ${this.number}` }, h("span", {}, "Save"), ...this.saves);
  }

  drag(event) {
    const move = (each) => {
      const box = this.frame.getBoundingClientRect();
      this.slider.value = Math.round((100 * (each.clientX - box.left)) / box.width);
      this.divide();
    };
    this.frame.setPointerCapture(event.pointerId);
    this.frame.onpointermove = move;
    this.frame.onpointerup = this.frame.onpointercancel = () => (this.frame.onpointermove = null);
    move(event);
  }

  divide() {
    const share = Number(this.slider.value);
    this.frame.style.setProperty("--sl-share", `${share}%`);
    this.frame.classList.toggle("sl-divided", share > 0 && share < 100);
    this.slider.setAttribute("aria-valuetext", `${share} % before, ${100 - share} % after`);
  }

  update(run, images) {
    const [old, first] = [this.run?.state, this.run === undefined];
    this.run = run;
    const words = this.words(run);
    this.state.textContent = words;
    this.state.dataset.state = run.state;
    this.bar.value = run.step;
    this.bar.max = run.steps;
    this.facts.textContent = this.pace(run);
    this.error.textContent = run.error;
    this.error.hidden = !run.error;
    this.after.alt = `After ${run.step} of ${run.steps} steps: ${run.content} as ${run.style}`;
    for (const [role, bytes] of Object.entries(images)) paintInto(this[role], bytes);
    this.enable(run);
    if (run.curves.step) this.plot.replaceChildren(plot(run.curves, run.steps));
    if (ENDED.includes(run.state)) this.describe(run);
    if (!first && old !== run.state) this.studio.say(`run ${run.id}: ${words}${run.error ? `, ${run.error}` : ""}`, run.state === "failed");
  }

  words(run) {
    if (run.ending) return "stopping";
    if (run.state !== "waiting") return run.state;
    if (run.loading === "encoder") return "loading the encoder";
    return run.loading ? `starting ${run.backend}` : "waiting for its turn";
  }

  pace(run) {
    const parts = [`step ${run.step} of ${run.steps}`];
    if (run.each !== null) parts.push(`${duration(run.each)} each`);
    if (run.left !== null && run.state === "running") parts.push(`${duration(run.left)} left`);
    if (run.device) parts.push(`${run.backend} on ${run.device}`);
    return [...parts, ...run.notes].join(" · ");
  }

  enable(run) {
    const ended = ENDED.includes(run.state);
    const word = run.state === "paused" ? "Resume" : "Pause";
    this.pause.textContent = word;
    this.pause.setAttribute("aria-label", `${word} run ${run.id}`);
    const focused = this.element.getRootNode().activeElement;
    for (const button of [this.pause, this.stop]) button.hidden = ended;
    for (const button of this.saves) button.disabled = run.step === 0 && button !== this.saves[1];
    this.bar.hidden = ended;
    if (ended && [this.pause, this.stop].includes(focused)) (run.step ? this.saves[0] : this.remove).focus();
  }

  describe(run) {
    const { weights, layers } = run;
    const rows = { recipe: run.recipe, framework: run.backend, encoder: run.encoder, size: `${run.size} pixels`, steps: run.steps, seed: run.seed };
    const own = (value) => (value === null || value === undefined ? "the recipe’s" : Array.isArray(value) ? value.join(", ") : number(value));
    rows["style weight β"] = own(weights.style);
    rows["total variation"] = own(weights.tv);
    rows["content layers"] = own(layers.content);
    rows["style layers"] = own(layers.style);
    this.settings.replaceChildren(...Object.entries(rows).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]));
  }
}

/** The losses against the step, on a logarithmic axis, as a drawing. */
function plot(curves, steps) {
  const [width, height, left, bottom, top] = [360, 130, 44, 18, 8];
  const names = Object.keys(CURVES).filter((name) => curves[name]);
  const seen = names.flatMap((name) => curves[name]).filter((value) => value > 0);
  const total = curves.total;
  if (!seen.length) return h("p", { class: "sl-hint" }, "The loss is zero.");
  const low = Math.log10(Math.max(Math.min(...seen), Math.max(...seen) * 1e-4));
  const high = Math.max(Math.log10(Math.max(...seen)), low + 0.05);
  const x = (step) => left + ((width - left - 6) * (step - 1)) / Math.max(1, steps - 1);
  const y = (value) => top + ((height - top - bottom) * (high - Math.max(low, Math.log10(value)))) / (high - low);
  const shape = (tag, settings, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(settings)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const last = total.at(-1);
  const label = `Loss: ${number(total[0])} at first, ${number(last)} at step ${curves.step.at(-1)}`;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const axis = `M${left} ${top}V${height - bottom}H${width - 6}`;
  svg.append(
    shape("path", { d: axis, class: "sl-axis" }),
    shape("text", { x: left - 5, y: top + 8, "text-anchor": "end" }, number(10 ** high)),
    shape("text", { x: left - 5, y: height - bottom, "text-anchor": "end" }, number(10 ** low)),
    shape("text", { x: left, y: height - 4 }, "step 1"),
    shape("text", { x: width - 6, y: height - 4, "text-anchor": "end" }, `${steps}`),
  );
  for (const name of names.reverse()) {
    const points = curves.step.map((step, index) => [step, curves[name][index]]).filter(([, value]) => value > 0);
    const path = points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    svg.append(shape("polyline", { points: path, class: `sl-curve sl-curve-${name}` }));
  }
  const keys = names.reverse().map((name) => h("span", { class: `sl-key sl-key-${name}` }, CURVES[name]));
  return h("figure", {}, svg, h("figcaption", {}, "Loss: ", ...keys));
}

class Studio {
  constructor(model) {
    this.model = model;
    this.id = `sl-${++count}-${Math.random().toString(36).slice(2, 8)}`;
    this.cards = new Map();
    this.greeted = false; // whether the kernel has answered
    this.beats = 0;
    this.status = h("p", { class: "sl-status", role: "status" });
    this.alert = h("p", { class: "sl-alert", role: "alert" });
    this.empty = h("p", { class: "sl-empty" }, "Nothing is painted yet. Choose two images and press Paint; what you paint is kept here side by side.");
    this.runs = h("div", { class: "sl-runs" });
    this.form = new Form(this);
    this.element = h(
      "section",
      { class: "sl-studio", "aria-label": "Studio", "data-lm-suppress-shortcuts": "true", "data-jp-suppress-context-menu": "true" },
      h("div", { class: "sl-side" }, this.form.element, this.alert, this.status),
      h("div", { class: "sl-stage" }, h("h2", {}, "Runs"), this.empty, this.runs),
    );
    this.element.addEventListener("keydown", (event) => event.stopPropagation()); // a notebook takes the arrows for itself
    for (const kind of ["dragover", "drop"]) this.element.addEventListener(kind, (event) => event.preventDefault());
  }

  /** Ask the kernel for something, and say so if nothing comes back. */
  send(message, buffers = []) {
    this.alert.textContent = "";
    try {
      this.model.send({ page: this.id, ...message }, undefined, buffers);
    } catch {
      return this.say("the kernel has gone: run the cell again, or load the page anew", true);
    }
    this.waiting ??= setTimeout(() => {
      this.say("the kernel does not answer: it is busy with another cell, or has gone; then load the page anew, or run this cell again", true);
    }, PATIENCE);
  }

  /** A sign of life. A greeting may get lost while a notebook finds its kernel again: it is said anew after 1, 2, 4, 8 ... beats. */
  beat() {
    this.beats += 1;
    this.quietly(!this.greeted && Number.isInteger(Math.log2(this.beats)) ? "hello" : "alive");
  }

  quietly(kind) {
    try {
      this.model.send({ kind, page: this.id, hidden: document.hidden }, undefined, []);
    } catch {} // nobody is there to be told
  }

  say(text, alert = false) {
    (alert ? this.alert : this.status).textContent = text;
    if (alert) this.status.textContent = "";
  }

  hear(message, buffers) {
    clearTimeout(this.waiting);
    this.waiting = null;
    const act = {
      said: () => this.say(message.text, message.alert),
      thumb: () => this.form.thumb(message, buffers[0]),
      runs: () => this.answered(message.numbers),
      run: () => this.show(message, buffers),
      removed: () => this.drop(message.run),
      file: () => message.page === this.id && save(message, buffers[0]),
    }[message.kind];
    act?.();
  }

  /** The kernel has heard the greeting, and has runs of these numbers. */
  answered(numbers) {
    if (!this.greeted) this.say(""); // it may have been reported silent
    this.greeted = true;
    [...this.cards.keys()].filter((id) => !numbers.includes(id)).forEach((id) => this.drop(id));
  }

  show(message, buffers) {
    const { run } = message;
    const images = Object.fromEntries(message.images.map((role, index) => [role, buffers[index]]));
    const fresh = !this.cards.has(run.id);
    if (fresh) {
      this.cards.set(run.id, new Card(this, run));
      this.runs.prepend(this.cards.get(run.id).element);
      this.empty.hidden = true;
    }
    this.cards.get(run.id).update(run, images);
    if (fresh && run.state === "waiting" && this.element.clientWidth < NARROW) {
      const gentle = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
      this.cards.get(run.id).element.scrollIntoView({ block: "start", behavior: gentle });
    }
  }

  drop(id) {
    const card = this.cards.get(id);
    if (!card) return;
    const focused = card.element.contains(card.element.getRootNode().activeElement);
    card.element.remove();
    this.cards.delete(id);
    this.empty.hidden = this.cards.size > 0;
    if (focused) this.form.element.querySelector("[type=submit]").focus();
    this.say(`run ${id} is removed`);
  }
}

/** Let the browser keep a file, as if it had been downloaded. */
function save(message, bytes) {
  const address = URL.createObjectURL(new Blob([bytes], { type: message.type }));
  const link = h("a", { href: address, download: message.name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function render({ model, el }) {
  const studio = new Studio(model);
  const hear = (message, buffers) => studio.hear(message, buffers);
  const form = () => studio.form.show();
  const leave = () => studio.quietly("gone");
  const back = (event) => event.persisted && studio.quietly("hello");
  const alive = () => studio.quietly("alive");
  const beat = setInterval(() => studio.beat(), ALIVE);
  model.on("msg:custom", hear);
  model.on("change:form", form);
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", back);
  document.addEventListener("visibilitychange", alive);
  el.append(studio.element);
  studio.send({ kind: "hello" });
  return () => {
    clearInterval(beat);
    clearTimeout(studio.waiting);
    model.off("msg:custom", hear);
    model.off("change:form", form);
    window.removeEventListener("pagehide", leave);
    window.removeEventListener("pageshow", back);
    document.removeEventListener("visibilitychange", alive);
    leave();
  };
}

export default { render };
