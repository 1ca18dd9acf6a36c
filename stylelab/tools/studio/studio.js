// The studio's page. It sends messages to widget.py with `model.send`, and gets answers as "msg:custom" events.
// Nothing is fetched from a network: images arrive as bytes with a message.

const PIECE = 512 * 1024; // bytes of an upload in one message
const LARGEST_FILE = 20 * 1024 * 1024; // bytes
const ALIVE_INTERVAL = 5_000; // milliseconds between two signs of life
const ANSWER_TIMEOUT = 10_000; // milliseconds after which a silent kernel is reported
const NARROW = 740; // pixels of the studio's width below which it has one column
const CURVES = { total: "total", content: "content", style: "style", tv: "total variation" };
const LOSSES = { weighted: "weighted", content: "content, unweighted", style: "style, unweighted", tv: "total variation, unweighted" };
const SAVE_LABELS = { image: "Image", settings: "Settings", filmstrip: "Filmstrip", film: "GIF" };
const ENDED = ["stopped", "done", "failed"];
const ROLES = ["content", "style"]; // of layers
const MORE = [2, 3]; // the style images beside the first: style_2, with style_mask_2 and the weight blend_2, and so on
const WEIGHTS = { blend: 1, ...Object.fromEntries(MORE.map((number) => [`blend_${number}`, 1])) };
let studios = 0;

// --- helpers ---

/** An element: h("button", {type: "button", onclick}, "Paint"). Names with a dash become attributes. */
function h(tag, settings = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name.includes("-") || ["for", "list", "role"].includes(name)) element.setAttribute(name, value);
    else element[name === "class" ? "className" : name] = value;
  }
  element.append(...children);
  return element;
}

/** An SVG element. */
function svg(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

/** A number with three digits at most: 0.25, 1200, 1e8. */
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

function focused(element) {
  return element.getRootNode().activeElement;
}

/** Shows the bytes of an image file in an <img>. */
function showImage(image, bytes) {
  const address = URL.createObjectURL(new Blob([bytes]));
  image.onload = image.onerror = () => URL.revokeObjectURL(address);
  image.src = address;
  image.hidden = false;
}

/** Saves bytes as a download of the browser. */
function saveFile({ name, type }, bytes) {
  const address = URL.createObjectURL(new Blob([bytes], { type }));
  const link = h("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// --- the form ---

/** The form on the left. Its values are the widget's trait `form`, so they survive a reload. */
class Form {
  constructor(studio) {
    this.studio = studio;
    this.model = studio.model;
    this.choices = studio.model.get("choices");
    this.controls = {}; // name -> select or input
    this.hints = {}; // name -> the line of text below the control
    this.thumbnails = {}; // role -> img
    this.faults = {}; // role -> the line below the image box that says why a file was refused
    this.shapes = {}; // role -> [width, height] of the chosen image
    this.boxes = {}; // role -> a checkbox for each layer
    this.hints.steps = h("p", { class: "sl-hint" });
    this.hints.layers = h("span", { class: "sl-hint" });
    this.hints.more = h("span", { class: "sl-hint" });
    this.more = MORE.map((number) => this.styleBox(number));
    this.add = h("button", { type: "button", onclick: () => this.addStyle() }, "Add a style image");
    const { sizes, steps, smoothness, recipes, backends, encoders, colours, scales } = this.choices;
    this.element = h(
      "form",
      { class: "sl-form", noValidate: true, "aria-label": "What to paint", onsubmit: (event) => this.submit(event) },
      h("div", { class: "sl-pair" }, this.imageCard("content"), this.imageCard("style")),
      this.select("recipe", "Recipe", recipes, true),
      h("div", { class: "sl-row" }, this.select("backend", "Framework", backends), this.select("encoder", "Encoder", encoders)),
      h(
        "div",
        {},
        h(
          "div",
          { class: "sl-row" },
          this.wholeNumber("size", "Size (px)", sizes[0], sizes[1]),
          this.wholeNumber("steps", "Steps", 1, steps),
          this.wholeNumber("seed", "Seed", 0, 2 ** 32 - 1),
        ),
        this.hints.steps,
      ),
      this.slider("balance", "Style versus content, β / α", { min: -3, max: 3, step: 0.25 }),
      this.slider("smoothness", "Smoothness (total variation)", { min: 0, max: smoothness.length - 1, step: 1 }),
      this.slider("strength", "Strength of the style", { min: 0, max: 1, step: 0.05 }),
      this.slider("style_scale", "Size of the style image", { min: scales[0], max: scales[1], step: 0.1 }),
      this.select("keep_colours", "Colours", colours),
      h(
        "details",
        { class: "sl-more" },
        h("summary", {}, "Masks and more styles ", this.hints.more),
        h("p", { class: "sl-hint" }, "A mask has one colour for each region. Alone, a content mask is white where the style belongs, and black elsewhere."),
        h("div", { class: "sl-pair" }, this.imageCard("content_mask"), this.imageCard("style_mask")),
        this.slider("blend", "Weight of the first style image", { min: 0, max: 1, step: 0.05 }),
        ...this.more,
        this.add,
      ),
      h(
        "details",
        { class: "sl-layers" },
        h("summary", {}, "Layers ", this.hints.layers),
        this.layerBoxes("content", "Content layers"),
        this.layerBoxes("style", "Style layers"),
      ),
      h(
        "div",
        { class: "sl-actions" },
        studio.alert,
        studio.status,
        h("button", { type: "submit", class: "sl-main" }, "Paint"),
        h("button", { type: "button", onclick: () => this.reset() }, "Reset to the recipe"),
      ),
    );
    this.show();
  }

  get values() {
    return { ...WEIGHTS, ...this.model.get("form") };
  }

  set(changes) {
    this.model.set("form", { ...this.values, ...changes });
    this.model.save_changes();
    this.show();
  }

  /** A control with its label, and possibly a hint that describes it. */
  field(name, label, control, hint) {
    control.id = `${this.studio.id}-${name}`;
    control.title = this.choices.help[name] ?? "";
    this.controls[name] = control;
    const element = h("div", { class: `sl-field sl-${name}` }, h("label", { for: control.id }, label), control);
    if (hint) {
      hint.id = `${control.id}-hint`;
      this.hints[name] = hint;
      control.setAttribute("aria-describedby", hint.id);
      element.append(hint);
    }
    return element;
  }

  select(name, label, options, hasHint = false) {
    const control = h("select", { onchange: () => this.choose(name, control.value) });
    control.append(...options.map((option) => h("option", { value: option.name }, option.label ?? option.name)));
    return this.field(name, label, control, hasHint && h("span", { class: "sl-hint" }));
  }

  wholeNumber(name, label, min, max) {
    const control = h("input", { type: "number", min, max, step: 1, required: true, inputMode: "numeric" });
    control.addEventListener("input", () => this.set({ [name]: control.value === "" ? null : Number(control.value) }));
    return this.field(name, label, control);
  }

  slider(name, label, limits) {
    const control = h("input", { type: "range", ...limits });
    control.addEventListener("input", () => this.set({ [name]: Number(control.value) }));
    return this.field(name, label, control, h("output", { class: "sl-hint", htmlFor: `${this.studio.id}-${name}` }));
  }

  layerBoxes(role, label) {
    const choose = () => this.set({ [`${role}_layers`]: this.boxes[role].filter((box) => box.checked).map((box) => box.value) });
    this.boxes[role] = this.choices.layers.map((layer) => h("input", { type: "checkbox", value: layer, onchange: choose }));
    const chips = this.boxes[role].map((box) => h("label", { class: "sl-chip" }, box, h("span", {}, box.value)));
    return h("fieldset", {}, h("legend", {}, label), h("div", { class: "sl-chips" }, ...chips));
  }

  /** The images that a role may have: built-in ones, or for a mask none. */
  offered(role) {
    return role.includes("mask") ? [{ name: "", label: "none" }] : this.choices[role.split("_")[0]];
  }

  /** One more style image, its mask, its weight, and a button to remove them. */
  styleBox(number) {
    const role = `style_${number}`;
    const remove = () => {
      this.studio.send({ kind: "remove style", role, form: this.values });
      this.add.focus();
    };
    return h(
      "fieldset",
      { hidden: true },
      h("legend", {}, `Style ${number}`),
      h("div", { class: "sl-pair" }, this.imageCard(role), this.imageCard(`style_mask_${number}`)),
      this.slider(`blend_${number}`, `Weight of style image ${number}`, { min: 0, max: 1, step: 0.05 }),
      h("button", { type: "button", onclick: remove }, `Remove style image ${number}`),
    );
  }

  addStyle() {
    const role = MORE.map((number) => `style_${number}`).find((name) => !this.values[name]);
    const used = Object.values(this.values);
    this.choose(role, this.choices.style.find(({ name }) => !used.includes(name)).name);
    this.controls[role].focus();
  }

  /** A thumbnail with a list of images and a button for a file. A file can be dropped anywhere on it. */
  imageCard(role) {
    const label = this.choices.images[role];
    this.thumbnails[role] = h("img", { alt: "", hidden: true });
    const target = h("div", { class: "sl-thumb" }, this.thumbnails[role], h("span", { class: "sl-drop", "aria-hidden": "true" }, "or drop a file here"));
    this.faults[role] = h("p", { class: "sl-alert", role: "alert" });
    const accept = ["image/*", ...this.choices.endings].join();
    const file = h("input", { type: "file", accept, hidden: true, "aria-label": `${label}: a file of your own` });
    file.onchange = () => {
      this.upload(role, file.files[0]);
      file.value = ""; // otherwise the same file could not be chosen again
    };
    const choose = h("button", { type: "button", class: "sl-choose", "aria-label": `Choose a file for the ${label.toLowerCase()}` }, "Choose a file …");
    choose.onclick = () => file.click();
    const card = h("div", { class: "sl-image" }, target, this.faults[role], this.select(role, label, this.offered(role), true), file, choose);
    for (const kind of ["dragover", "dragleave", "drop"]) {
      card.addEventListener(kind, (event) => {
        event.preventDefault();
        event.stopPropagation();
        target.classList.toggle("sl-over", kind === "dragover");
        if (kind === "drop") this.upload(role, ...event.dataTransfer.files);
      });
    }
    return card;
  }

  async upload(role, file, ...others) {
    const refuse = (text) => this.studio.notify(text, true, role);
    if (!file) return refuse("that is not a file: drop an image from your computer");
    if (others.length) return refuse(`${others.length + 1} files came: drop one`);
    if (file.size > LARGEST_FILE) {
      const size = Math.round(file.size / 2 ** 20);
      return refuse(`'${file.name}' has ${size} MB, more than 20: make it smaller, such as a JPEG of 4000 pixels`);
    }
    let bytes;
    try {
      bytes = await file.arrayBuffer();
    } catch {
      return refuse(`'${file.name}' cannot be read: is it a folder?`);
    }
    this.faults[role].textContent = "";
    this.studio.notify(`sending ${file.name} …`);
    const count = Math.max(1, Math.ceil(bytes.byteLength / PIECE));
    for (let index = 0; index < count; index++) {
      const piece = bytes.slice(index * PIECE, (index + 1) * PIECE);
      this.studio.send({ kind: "upload", role, name: file.name, index, count }, [piece]);
    }
  }

  /** Shows the thumbnail of a chosen image. The kernel chooses uploads itself, and replaces those that it has lost. */
  showThumbnail({ role, name, label, size }, bytes) {
    const select = this.controls[role];
    if (name === "uploaded") {
      const option = select.querySelector("[value=uploaded]") ?? select.appendChild(h("option", { value: "uploaded" }));
      option.textContent = label;
    }
    if (name === "uploaded" || this.values[role] === "uploaded") this.set({ [role]: name });
    if (!name || this.values[role] !== name) return; // none, or another image has been chosen meanwhile
    const builtIn = this.offered(role).find((choice) => choice.name === name);
    showImage(this.thumbnails[role], bytes);
    this.thumbnails[role].style.objectFit = Math.max(...size) > 3 * Math.min(...size) ? "contain" : "cover"; // all of a panorama
    this.thumbnails[role].alt = `The ${this.choices.images[role].toLowerCase()}: ${builtIn ? builtIn.alt : label}`;
    this.hints[role].textContent = `${size[0]} × ${size[1]} pixels`;
    this.faults[role].textContent = "";
    this.shapes[role] = size;
    this.show();
  }

  choose(name, value) {
    if (name === "recipe") return this.useRecipe(value);
    const untouched = this.values.smoothness === this.ownSmoothness();
    this.set({ [name]: value });
    if (untouched) this.set({ smoothness: this.ownSmoothness() }); // another encoder has weights of its own
    if (name in this.thumbnails) this.studio.send({ kind: "thumbnail", role: name, name: value });
  }

  findRecipe(name) {
    return this.choices.recipes.find((recipe) => recipe.name === name);
  }

  /** Takes over a recipe's settings. Images, masks and their weights, framework, encoder, seed, colours and strength stay as they are. */
  useRecipe(name) {
    const { size, steps, content_layers, style_layers } = this.findRecipe(name);
    this.set({ recipe: name, size, steps, content_layers, style_layers, balance: 0 });
    this.set({ smoothness: this.ownSmoothness() });
  }

  /** The slider's position for the recipe's own weight. */
  ownSmoothness() {
    const { recipe, encoder } = this.values;
    return this.findRecipe(recipe).weights[encoder].tv ? this.choices.usual : 0;
  }

  reset() {
    this.useRecipe(this.values.recipe);
    this.studio.notify(`all settings are those of the recipe ${this.values.recipe}`);
  }

  submit(event) {
    event.preventDefault();
    this.studio.send({ kind: "start", form: this.values });
  }

  /** Shows the values in the controls, except in a number that is being edited. */
  show() {
    const values = this.values;
    const recipe = this.findRecipe(values.recipe);
    for (const [name, control] of Object.entries(this.controls)) {
      const text = String(values[name] ?? "");
      if (control.value !== text && !(control.type === "number" && control === focused(control))) control.value = text;
    }
    for (const role of ROLES) {
      for (const box of this.boxes[role]) box.checked = values[`${role}_layers`].includes(box.value);
    }
    this.showImages(values);
    this.hints.layers.textContent = `content ${values.content_layers.join(", ") || "none"}; style ${values.style_layers.length}`;
    this.hints.recipe.textContent = recipe.summary;
    this.hints.recipe.title = recipe.source;
    const seed = recipe.seeded ? "The seed sets the noise that the run starts from." : "The run starts from the content image, so the seed has no effect.";
    this.hints.steps.textContent = `The author used ${recipe.author}. ${seed}`;
    this.showWeights(recipe, values);
  }

  /** Shows which styles there are, their shares, and which image boxes are empty. */
  showImages(values) {
    const used = ["", ...MORE.map((number) => `_${number}`)].filter((end) => !end || values[`style${end}`]);
    const total = used.reduce((sum, end) => sum + values[`blend${end}`], 0);
    for (const end of used) {
      const text = total ? `${Math.round((100 * values[`blend${end}`]) / total)} % of the style` : "give one style a weight";
      this.hints[`blend${end}`].textContent = text;
      this.controls[`blend${end}`].setAttribute("aria-valuetext", text);
    }
    this.more.forEach((box, index) => (box.hidden = !values[`style_${MORE[index]}`]));
    this.controls.blend.parentElement.hidden = used.length === 1;
    this.add.hidden = used.length > MORE.length;
    const masks = Object.keys(this.thumbnails).filter((role) => role.includes("mask") && values[role]);
    const parts = [used.length > 1 && `${used.length} styles`, masks.length > 1 ? `${masks.length} masks` : masks.length && "1 mask"];
    this.hints.more.textContent = parts.filter(Boolean).join(", ") || "none";
    for (const [role, image] of Object.entries(this.thumbnails)) {
      if (values[role]) continue;
      image.hidden = true;
      this.hints[role].textContent = "";
    }
  }

  showWeights(recipe, values) {
    const { alpha, beta, tv, usual, per_pixel } = recipe.weights[values.encoder];
    const factor = 10 ** values.balance;
    const origin = values.balance === 0 ? "the recipe’s own" : `${number(factor)} times the recipe’s`;
    this.hints.balance.textContent = `${number((beta / alpha) * factor)}, ${origin}`;
    const multiple = this.choices.smoothness[values.smoothness];
    const [width, height] = this.shapes.content ?? [1, 1];
    const pixels = Math.round((values.size * width) / Math.max(width, height)) * Math.round((values.size * height) / Math.max(width, height));
    const weight = number((multiple * usual) / (per_pixel ? pixels || 1 : 1));
    if (values.smoothness === this.ownSmoothness()) this.hints.smoothness.textContent = `${weight}, the recipe’s own`;
    else this.hints.smoothness.textContent = multiple ? `${weight}, ${multiple} times ${tv ? "the recipe’s" : "the usual weight"}` : "0, none";
    this.hints.strength.textContent = values.strength === 0 ? "the photograph as it is" : `${Math.round(100 * values.strength)} %`;
    this.hints.style_scale.textContent = `× ${number(values.style_scale)}`;
    for (const name of ["balance", "smoothness", "strength", "style_scale"]) this.controls[name].setAttribute("aria-valuetext", this.hints[name].textContent);
  }
}

// --- runs ---

/** One run: its image, progress, buttons, losses and settings. */
class Card {
  constructor(studio, run) {
    this.studio = studio;
    this.number = run.id;
    const id = `${studio.id}-run-${run.id}`;
    const what = [run.recipe, `${run.size} px`, `${run.steps} steps`, ...run.changes].join(" · ");
    this.title = h("h3", { id: `${id}-title` }, `Run ${run.id}: ${what}`);
    this.pair = h("p", { id: `${id}-pair`, class: "sl-hint sl-names" }, `${run.content} in the style of ${run.style}`);
    this.pair.title = this.pair.textContent;
    this.state = h("span", { class: "sl-state" });
    this.bar = h("progress", { max: run.steps, value: 0, "aria-label": `Progress of run ${run.id}` });
    this.facts = h("p", { class: "sl-facts" });
    this.error = h("p", { class: "sl-error", role: "alert" });
    this.images = {
      before: h("img", { class: "sl-before", alt: `Before: ${run.content}`, hidden: true, draggable: false }),
      after: h("img", { class: "sl-after", alt: "", hidden: true, draggable: false }),
    };
    const line = h("span", { class: "sl-line", "aria-hidden": "true" });
    this.frame = h("div", { class: "sl-frame", onpointerdown: (event) => this.drag(event) }, this.images.before, this.images.after, line);
    this.slider = h("input", { type: "range", min: 0, max: 100, value: 0, id: `${id}-slider`, oninput: () => this.compare() });
    this.share = h("output", { class: "sl-hint", htmlFor: this.slider.id });
    this.pause = this.button("Pause", () => ({ kind: "command", command: this.run.state === "paused" ? "resume" : "pause" }));
    this.stop = this.button("Stop", () => ({ kind: "command", command: "stop" }));
    this.goOn = this.button("Continue", () => ({ kind: "command", command: "continue" }), `Continue with run ${run.id}`);
    this.remove = this.button("Remove", () => ({ kind: "remove" }));
    this.saves = Object.entries(SAVE_LABELS).map(([what, label]) => {
      const noun = label === "GIF" ? label : label.toLowerCase();
      const button = this.button(label, () => ({ kind: "save", what }), `Save the ${noun} of run ${run.id}`);
      button.dataset.what = what;
      return button;
    });
    this.plot = h("div", { class: "sl-plot" });
    this.settings = h("dl");
    this.element = h(
      "article",
      { class: "sl-run", "aria-labelledby": `${this.title.id} ${this.pair.id}` },
      h("header", {}, h("div", {}, this.title, this.pair), this.state),
      this.frame,
      h("div", { class: "sl-compare" }, h("label", { for: this.slider.id }, "Before / after"), this.slider, this.share),
      this.bar,
      this.facts,
      this.error,
      h("div", { class: "sl-actions" }, this.pause, this.stop, this.goOn, this.remove),
      this.plot,
      h("div", { class: "sl-saves", role: "group", "aria-label": `Save run ${run.id}` }, h("span", {}, "Save"), ...this.saves),
      h("details", { class: "sl-settings" }, h("summary", {}, "Settings"), this.settings),
    );
    this.showSettings(run);
    this.compare();
  }

  /** A button that sends a message about this run. */
  button(label, message, description = `${label} run ${this.number}`) {
    const send = () => this.studio.send({ run: this.number, ...message() });
    return h("button", { type: "button", "aria-label": description, onclick: send }, label);
  }

  /** Moves the dividing line between before and after with the pointer. */
  drag(event) {
    const move = ({ clientX }) => {
      const box = this.frame.getBoundingClientRect();
      this.slider.value = Math.round((100 * (clientX - box.left)) / box.width);
      this.compare();
    };
    this.frame.setPointerCapture(event.pointerId);
    this.frame.onpointermove = move;
    this.frame.onpointerup = this.frame.onpointercancel = () => (this.frame.onpointermove = null);
    move(event);
  }

  compare() {
    const share = Number(this.slider.value);
    this.frame.style.setProperty("--sl-share", `${share}%`);
    this.frame.classList.toggle("sl-divided", share > 0 && share < 100);
    this.share.textContent = `${share} %`;
    this.slider.setAttribute("aria-valuetext", `${share} % before, ${100 - share} % after`);
  }

  update(run, images) {
    const previous = this.run?.state ?? run.state;
    const ended = ENDED.includes(run.state);
    const state = this.stateText(run);
    this.run = run;
    this.state.textContent = state;
    this.state.dataset.state = run.state;
    this.bar.value = run.step;
    this.bar.max = run.steps;
    this.facts.textContent = this.factsText(run);
    if (this.fault !== run.error) this.error.textContent = this.fault = run.error; // the page may show it in another language
    this.error.className = run.state === "failed" ? "sl-error" : "sl-hint"; // a run stopped on purpose has a note
    this.images.after.alt = `After ${run.step} of ${run.steps} steps: ${run.content} in the style of ${run.style}`;
    for (const [role, bytes] of Object.entries(images)) showImage(this.images[role], bytes);
    this.updateButtons(run, ended);
    if (ended) this.showSettings(run);
    if (previous !== run.state) this.studio.notify(`run ${run.id}: ${state}`);
  }

  /** Draws the losses: all weighted parts, or one part without its weight, on the scale that all runs share. */
  plotLosses(part, steps, range) {
    const { curves } = this.run;
    if (!curves.step) return;
    let plot = h("p", { class: "sl-hint" }, `This run has no loss for ${CURVES[part]}.`);
    if (part === "weighted") plot = lossPlot(curves, this.run.steps, "loss, weighted", rangeOf(curves));
    else if (this.unweighted(part)) plot = lossPlot({ step: curves.step, [part]: this.unweighted(part) }, steps, "loss, unweighted", range);
    this.plot.replaceChildren(plot);
  }

  /** The values of one part of the loss without its weight, if the run has it. */
  unweighted(part) {
    return this.run.curves[part]?.map((value) => value / this.run.weights[part]);
  }

  stateText(run) {
    if (run.stopping) return "stopping";
    if (run.state !== "waiting") return run.state;
    if (run.loading === "encoder") return "loading the encoder";
    return run.loading ? `starting ${run.backend}` : "waiting for its turn";
  }

  factsText(run) {
    const parts = [`step ${run.step} of ${run.steps}`];
    if (run.pace !== null) parts.push(`${duration(run.pace)} per step`);
    if (run.left !== null && run.state === "running") parts.push(`${duration(run.left)} left`);
    if (run.device) parts.push(`${run.backend} on ${run.device}`);
    return [...parts, ...run.notes].join(" · ");
  }

  updateButtons(run, ended) {
    const label = run.state === "paused" ? "Resume" : "Pause";
    this.pause.textContent = label;
    this.pause.setAttribute("aria-label", `${label} run ${run.id}`);
    const had = focused(this.element);
    const hidesFocus = ended && [this.pause, this.stop].includes(had);
    this.pause.hidden = this.stop.hidden = this.bar.hidden = ended;
    this.goOn.hidden = !run.kept;
    if (this.goOn.hidden && had === this.goOn) this.pause.focus();
    for (const button of this.saves) button.disabled = run.step === 0 && button.dataset.what !== "settings";
    if (hidesFocus) (run.step ? this.saves[0] : this.remove).focus();
  }

  showSettings(run) {
    const weight = (name) => number(run.weights[name]) + (run.own.includes(name) ? ", the recipe’s own" : "");
    const rows = {
      recipe: run.recipe,
      framework: run.backend,
      encoder: run.encoder,
      size: `${run.size} pixels`,
      steps: run.steps,
      seed: run.seed,
      "content weight α": number(run.weights.content),
      "style weight β": weight("style"),
      "total variation": weight("tv"),
      "content layers": run.layers.content.join(", "),
      "style layers": run.layers.style.join(", "),
    };
    this.settings.replaceChildren(...Object.entries(rows).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]));
  }
}

/** The range of a plot's logarithmic axis, four powers of ten at most; null if no value is above zero. */
function rangeOf(...curves) {
  const values = curves.flatMap((some) => Object.keys(CURVES).flatMap((name) => some[name] ?? []));
  const positive = values.filter((value) => value > 0);
  if (!positive.length) return null;
  const largest = Math.max(...positive);
  const low = Math.log10(Math.max(Math.min(...positive), largest * 1e-4));
  return [low, Math.max(Math.log10(largest), low + 0.05)];
}

/** A plot of losses against the step, on a logarithmic axis. `axis` is its name, and `range` the powers of ten at its ends. */
function lossPlot(curves, steps, axis, range) {
  const [width, height, left, right, bottom, top] = [300, 154, 60, 294, 126, 8];
  const names = Object.keys(CURVES).filter((name) => curves[name]);
  if (!range) return h("p", { class: "sl-hint" }, "The loss is zero.");
  const [low, high] = range;
  const x = (step) => left + ((right - left) * (step - 1)) / Math.max(1, steps - 1);
  const y = (value) => top + ((bottom - top) * (high - Math.max(low, Math.log10(value)))) / (high - low);
  const values = curves.total ?? curves[names[0]];
  const label = `Loss: ${number(values[0])} at first, ${number(values.at(-1))} at step ${curves.step.at(-1)}`;
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  drawing.append(
    svg("path", { d: `M${left} ${top}V${bottom}H${right}`, class: "sl-axis" }),
    svg("text", { x: left - 5, y: top + 8, "text-anchor": "end" }, number(10 ** high)),
    svg("text", { x: left - 5, y: bottom, "text-anchor": "end" }, number(10 ** low)),
    svg("text", { transform: `translate(11 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, `${axis} (log)`),
    svg("text", { x: left, y: bottom + 13 }, "1"),
    svg("text", { x: (left + right) / 2, y: height - 4, "text-anchor": "middle" }, "step"),
    svg("text", { x: right, y: bottom + 13, "text-anchor": "end" }, String(steps)),
  );
  for (const name of [...names].reverse()) {
    const points = curves.step.map((step, index) => [step, curves[name][index]]).filter(([, value]) => value > 0);
    const path = points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    drawing.append(svg("polyline", { points: path, class: `sl-curve sl-curve-${name}` })); // the total last, on top
  }
  const legend = names.map((name) => h("span", { class: `sl-key sl-key-${name}` }, CURVES[name]));
  return h("figure", {}, drawing, h("figcaption", {}, "Loss: ", ...legend));
}

// --- the whole page ---

class Studio {
  constructor(model) {
    this.model = model;
    this.id = `sl-${++studios}-${Math.random().toString(36).slice(2, 8)}`;
    this.cards = new Map(); // number of a run -> Card
    this.answered = false; // whether the kernel has answered our hello
    this.silent = false; // whether the page says that the kernel does not answer
    this.beats = 0;
    this.status = h("p", { class: "sl-status", role: "status" });
    this.alert = h("p", { class: "sl-alert", role: "alert" });
    this.empty = h("p", { class: "sl-empty" }, "No runs yet. Choose two images and press Paint; results stay here side by side.");
    this.runs = h("div", { class: "sl-runs" });
    this.losses = h("select", { id: `${this.id}-losses`, onchange: () => this.plotLosses() });
    this.losses.append(...Object.entries(LOSSES).map(([value, label]) => h("option", { value }, label)));
    this.losses.title = "Weighted losses have a scale of their own for each run. Unweighted ones share one, so that runs can be compared.";
    this.form = new Form(this);
    this.live = new Live(this);
    this.panels = { paint: this.paintPanel(), live: this.live.element };
    this.element = h(
      "section",
      { class: "sl-studio", "aria-label": "Studio", "data-lm-suppress-shortcuts": "true", "data-jp-suppress-context-menu": "true" },
      this.tabs(),
      this.panels.paint,
      this.panels.live,
    );
    this.element.addEventListener("keydown", (event) => event.stopPropagation()); // a notebook would take the arrow keys
    this.element.addEventListener("dragover", (event) => event.preventDefault());
    this.element.addEventListener("drop", (event) => {
      event.preventDefault(); // the browser would leave the page and show the file
      this.notify("drop the file onto the content image or the style image", true);
    });
  }

  /** The form and the runs. */
  paintPanel() {
    const stage = h(
      "div",
      { class: "sl-stage" },
      h("header", {}, h("h2", {}, "Runs"), h("label", { for: this.losses.id }, "Losses"), this.losses),
      this.empty,
      this.runs,
    );
    return h("div", {}, h("div", { class: "sl-side" }, this.form.element), stage);
  }

  /** The tabs, Paint and Live: the arrow keys lead from one to the other, and Tab into the panel. */
  tabs() {
    this.tab = {};
    for (const [name, label] of [["paint", "Still images"], ["live", "Live"]]) {
      const panel = this.panels[name];
      panel.id = `${this.id}-panel-${name}`;
      panel.className = "sl-panel";
      this.tab[name] = h("button", { type: "button", role: "tab", id: `${this.id}-tab-${name}`, "aria-controls": panel.id, onclick: () => this.open(name) }, label);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", this.tab[name].id);
    }
    const list = h("div", { class: "sl-tabs", role: "tablist", "aria-label": "Still images or live" }, ...Object.values(this.tab));
    list.addEventListener("keydown", ({ key }) => {
      const name = { ArrowLeft: "paint", Home: "paint", ArrowRight: "live", End: "live" }[key];
      if (name) this.open(name);
    });
    this.open("paint", false);
    return list;
  }

  open(name, focus = true) {
    for (const [other, tab] of Object.entries(this.tab)) {
      tab.setAttribute("aria-selected", String(other === name));
      tab.tabIndex = other === name ? 0 : -1;
      this.panels[other].hidden = other !== name;
    }
    if (focus) this.tab[name].focus();
    if (name !== "live") this.live.stop("The camera is off, because its tab was left.");
  }

  /** Sends a message to the kernel, and reports it if no answer comes. */
  send(message, buffers = []) {
    this.alert.textContent = "";
    try {
      this.model.send({ page: this.id, ...message }, undefined, buffers);
    } catch {
      return this.notify("the kernel has ended: run the cell again, or reload the page", true);
    }
    this.expectAnswer();
  }

  expectAnswer() {
    this.waiting ??= setTimeout(() => {
      this.silent = true;
      this.notify("the kernel does not answer: it is busy with another cell, or has ended; then run this cell again, or reload the page", true);
    }, ANSWER_TIMEOUT);
  }

  /** Sends a message on which nobody waits. */
  signal(kind) {
    try {
      this.model.send({ kind, page: this.id, hidden: document.hidden }, undefined, []);
    } catch {} // the kernel has ended
  }

  /** A sign of life. A hello may get lost while a notebook reconnects to its kernel, so it is repeated at beats 1, 2, 4, 8 ... */
  beat() {
    this.beats += 1;
    this.signal((!this.answered || this.silent) && Number.isInteger(Math.log2(this.beats)) ? "hello" : "alive");
    if (!document.hidden) this.expectAnswer(); // otherwise a run would seem to continue after its kernel has ended
  }

  /** Shows a line above Paint; an alert with a role, below its image box. */
  notify(text, alert = false, role = null) {
    const alerts = this.form.faults[role] ?? this.alert;
    (alert ? alerts : this.status).textContent = text;
    if (alert) this.status.textContent = "";
    if (alert) alerts.scrollIntoView({ block: "nearest" });
  }

  receive(message, buffers) {
    clearTimeout(this.waiting);
    this.waiting = null;
    if (this.silent) this.alert.textContent = "";
    this.silent = false;
    const actions = {
      notice: () => this.notify(message.text, message.alert, message.role),
      thumbnail: () => this.form.showThumbnail(message, buffers[0]),
      runs: () => this.keepOnly(message.numbers),
      run: () => this.showRun(message, buffers),
      removed: () => this.remove(message.run),
      live: () => this.live.receive(message, buffers),
      file: () => message.page === this.id && saveFile(message, buffers[0]),
    };
    actions[message.kind]?.();
  }

  /** The kernel's answer to a hello: which runs it has. */
  keepOnly(numbers) {
    this.answered = true;
    for (const id of [...this.cards.keys()]) if (!numbers.includes(id)) this.remove(id);
  }

  showRun({ run, images }, buffers) {
    const isNew = !this.cards.has(run.id);
    if (isNew) {
      this.cards.set(run.id, new Card(this, run));
      this.runs.prepend(this.cards.get(run.id).element);
      this.empty.hidden = true;
    }
    const card = this.cards.get(run.id);
    card.update(run, Object.fromEntries(images.map((role, index) => [role, buffers[index]])));
    this.plotLosses(card);
    if (isNew && run.state === "waiting" && this.element.clientWidth < NARROW) {
      const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
      card.element.scrollIntoView({ block: "start", behavior });
    }
  }

  /** Draws the losses of one run, or of all where they share a scale. */
  plotLosses(card = null) {
    const part = this.losses.value;
    const cards = part === "weighted" && card ? [card] : [...this.cards.values()];
    const range = rangeOf(...cards.map((other) => ({ [part]: other.unweighted(part) })));
    const steps = Math.max(0, ...cards.map((other) => other.run.step)); // and not what a long run has still before it
    for (const other of cards) other.plotLosses(part, steps, range);
  }

  remove(id) {
    const card = this.cards.get(id);
    if (!card) return;
    const hadFocus = card.element.contains(focused(card.element));
    card.element.remove();
    this.cards.delete(id);
    this.empty.hidden = this.cards.size > 0;
    if (hadFocus) this.form.element.querySelector("[type=submit]").focus();
    this.notify(`run ${id} removed`);
  }
}

function render({ model, el }) {
  const studio = new Studio(model);
  const { language, direction, phrases } = model.get("choices");
  Object.assign(studio.element, { lang: language, dir: direction });
  const keepEnglish = phrases ? translate(studio.element, phrases) : () => {};
  const beat = setInterval(() => studio.beat(), ALIVE_INTERVAL);
  const receive = (message, buffers) => studio.receive(message, buffers);
  const showForm = () => studio.form.show();
  const leave = () => studio.signal("goodbye");
  const comeBack = (event) => event.persisted && studio.signal("hello");
  const changeVisibility = () => {
    if (document.hidden) studio.live.stop("The camera is off, because the page was in the background.");
    studio.signal("alive");
  };
  model.on("msg:custom", receive);
  model.on("change:form", showForm);
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", comeBack);
  document.addEventListener("visibilitychange", changeVisibility);
  el.append(studio.element);
  studio.send({ kind: "hello" });
  return () => {
    keepEnglish();
    clearInterval(beat);
    clearTimeout(studio.waiting);
    studio.live.stop();
    model.off("msg:custom", receive);
    model.off("change:form", showForm);
    window.removeEventListener("pagehide", leave);
    window.removeEventListener("pageshow", comeBack);
    document.removeEventListener("visibilitychange", changeVisibility);
    leave();
  };
}

export default { render };
