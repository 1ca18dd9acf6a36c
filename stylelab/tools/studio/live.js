// The Live tab. It is part of one module with studio.js, whose helpers it uses. A frame of the camera, or of a video file, is sent
// to live.py, and the next one when it has come back painted: frames never queue. None is stored, here or there.

const FASTEST = 33; // milliseconds from one frame to the next; cameras give no more
const RECENT = 15; // frames from which the rate is computed
const STYLE_SIDE = 384; // pixels on the long side at which a style image of one's own is sent
const BUSY = 100; // milliseconds after which a frame is sent again that came while another page's was painted
const NO_CAMERA = {
  NotAllowedError: "the camera was not allowed: allow it in the browser's settings for this page, or choose a video file",
  NotFoundError: "no camera was found: connect one, or choose a video file",
  NotReadableError: "the camera cannot be used: perhaps another program has it; close that program, or choose a video file",
};
const NOT_OFFERED = "the browser gives this page no camera: that needs an address with https or localhost; choose a video file";
const PRIVACY =
  "Camera images stay on this machine: they go from this page to the program that runs it, and are not stored. " +
  "If Jupyter runs on another machine, they go to that machine.";

function median(values) {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];
}

class Live {
  constructor(studio) {
    this.studio = studio;
    this.choices = studio.model.get("choices").live;
    this.id = `${studio.id}-live`;
    this.turn = 0; // counts starts and stops, so that a frame of an earlier one is not shown
    this.running = false;
    this.intervals = []; // milliseconds between the last frames
    this.video = h("video", { muted: true, playsInline: true, loop: true, "aria-label": "The camera or video, before it is painted" });
    this.frame = h("canvas"); // what is sent; not on the page
    this.painted = h("canvas", { role: "img", "aria-label": "Nothing painted yet", width: 256, height: 192 });
    this.status = h("p", { class: "sl-status", role: "status" }, "The camera is off.");
    this.alert = h("p", { class: "sl-alert", role: "alert" });
    this.rate = h("p", { class: "sl-facts sl-rate" }); // not announced: it changes all the time
    const start = () => this.startCamera();
    this.start = h("button", { type: "button", class: "sl-main", onclick: start }, "Start the camera");
    this.file = h("input", { type: "file", accept: "video/*", hidden: true, "aria-label": "A video file" });
    this.file.onchange = () => {
      if (this.file.files[0]) this.startFile(this.file.files[0]);
      this.file.value = "";
    };
    this.choose = h("button", { type: "button", onclick: () => this.file.click() }, "Choose a video file …");
    this.end = h("button", { type: "button", class: "sl-main", hidden: true, onclick: () => this.stop() }, "Stop");
    this.save = h("button", { type: "button", disabled: true, onclick: () => this.savePicture() }, "Save this picture");
    this.ownFile = h("input", { type: "file", accept: "image/*", hidden: true, "aria-label": "A style image of your own" });
    this.ownFile.onchange = () => {
      if (this.ownFile.files[0]) this.addStyle(this.ownFile.files[0]);
      this.ownFile.value = "";
    };
    const add = h("button", { type: "button", onclick: () => this.ownFile.click() }, "Choose a style image of your own …");
    const sliders = this.choices.styles.map((style, index) => this.slider(style.name, style.name, { min: 0, max: 1, step: 0.05 }, index ? 0 : 1));
    this.sliders = Object.fromEntries(this.choices.styles.map(({ name }, index) => [name, sliders[index].querySelector("input")]));
    const [smallest, largest] = this.choices.sizes;
    const size = this.slider("size", "Size of a frame (px)", { min: smallest, max: largest, step: 32 }, this.choices.size);
    this.size = size.querySelector("input");
    this.mirror = h("input", { type: "checkbox", checked: true });
    this.element = h(
      "div",
      {},
      h(
        "div",
        { class: "sl-side sl-live" },
        h("p", { class: "sl-hint" }, PRIVACY),
        h("div", { class: "sl-actions" }, this.start, this.end, this.choose, this.file),
        this.alert,
        this.status,
        (this.styles = h("fieldset", {}, h("legend", {}, "Styles, blended"), ...sliders, add, this.ownFile)),
        size,
        h("label", {}, this.mirror, " Mirror, as in a looking glass"),
      ),
      h(
        "div",
        { class: "sl-stage" },
        h("header", {}, h("h2", {}, "Live"), this.save),
        this.rate,
        h("div", { class: "sl-views" }, this.view(this.painted, "Painted"), this.view(this.video, "Camera")),
      ),
    );
    this.show();
  }

  view(picture, caption) {
    return h("figure", {}, picture, h("figcaption", { class: "sl-hint" }, caption));
  }

  slider(name, label, limits, value) {
    const input = h("input", { type: "range", id: `${this.id}-${name}`, ...limits, value, oninput: () => this.show() });
    const output = h("output", { class: "sl-hint", htmlFor: input.id });
    return h("div", { class: "sl-field" }, h("label", { for: input.id }, label), input, output);
  }

  /** The weights of the styles that are used. */
  get weights() {
    return Object.fromEntries(Object.entries(this.sliders).map(([name, input]) => [name, Number(input.value)]).filter(([, value]) => value));
  }

  /** Adds a slider for a style image, or replaces its image. The browser reads the file, and a small copy of it goes with each frame. */
  async addStyle(file) {
    let image;
    try {
      image = await createImageBitmap(file);
    } catch {
      return this.complain(`'${file.name}' cannot be read by this browser: choose a JPEG, PNG or WebP image`);
    }
    const scale = Math.min(1, STYLE_SIDE / Math.max(image.width, image.height));
    const copy = h("canvas", { width: Math.max(1, Math.round(image.width * scale)), height: Math.max(1, Math.round(image.height * scale)) });
    copy.getContext("2d").drawImage(image, 0, 0, copy.width, copy.height);
    image.close();
    const blob = await new Promise((resolve) => copy.toBlob(resolve, "image/jpeg", 0.95));
    this.own = await blob.arrayBuffer();
    const { own } = this.choices;
    if (!this.sliders[own]) {
      const slider = this.slider(own, "", { min: 0, max: 1, step: 0.05 }, 1);
      this.sliders[own] = slider.querySelector("input");
      this.styles.querySelector("button").before(slider);
      for (const { name } of this.choices.styles) this.sliders[name].value = 0;
    }
    this.styles.querySelector(`label[for="${this.sliders[own].id}"]`).textContent = file.name;
    this.complain("");
    this.show();
    this.sliders[own].focus();
  }

  /** What the styles in use are called. */
  get names() {
    return Object.keys(this.weights).map((name) => this.styles.querySelector(`label[for="${this.sliders[name].id}"]`).textContent);
  }

  /** Shows the numbers of the sliders, and which buttons there are. */
  show() {
    const total = Object.values(this.weights).reduce((sum, value) => sum + value, 0);
    const say = (input, text) => {
      input.nextSibling.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    for (const input of Object.values(this.sliders)) say(input, total ? `${Math.round((100 * input.value) / total)} %` : "give one style a weight");
    say(this.size, `${this.size.value} pixels on the long side`);
    const had = focused(this.element);
    this.start.hidden = this.running;
    this.end.hidden = !this.running;
    if (had === this.start && this.running) this.end.focus();
    if (had === this.end && !this.running) this.start.focus();
  }

  tell(text) {
    if (this.told !== text) this.status.textContent = this.told = text; // the page may show it in another language
  }

  /** Shows what is wrong. The same line is not announced again with every frame. */
  complain(text) {
    if (this.complaint !== text) this.alert.textContent = this.complaint = text;
  }

  async startCamera() {
    this.stop();
    const turn = this.turn;
    this.tell("Waiting for the camera …");
    let stream;
    try {
      if (!navigator.mediaDevices) throw { message: NOT_OFFERED };
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, facingMode: "user" }, audio: false });
    } catch (error) {
      this.tell("The camera is off.");
      return this.complain(NO_CAMERA[error.name] ?? error.message);
    }
    if (turn !== this.turn) return stream.getTracks().forEach((track) => track.stop()); // stopped while the user was asked
    stream.getTracks().forEach((track) => (track.onended = () => turn === this.turn && this.stop("The camera has gone: it was unplugged or forbidden.")));
    this.mirror.checked = true;
    this.video.srcObject = stream;
    this.run();
  }

  startFile(file) {
    this.stop();
    const turn = this.turn;
    this.mirror.checked = false;
    this.video.onerror = () => {
      if (turn !== this.turn) return;
      this.stop("The video is stopped.");
      this.complain(`'${file.name}' cannot be played by this browser: choose an MP4 or WebM file`);
    };
    this.video.src = this.address = URL.createObjectURL(file); // it is read by the browser, and not sent
    this.run();
  }

  run() {
    this.running = true;
    this.intervals = [];
    this.last = 0;
    this.tell("Loading the network …");
    this.show();
    this.video.play().catch(() => {}); // interrupted by a stop, or a broken file, which is an error of its own
    this.sendFrame(this.turn);
  }

  /** Stops, and gives the camera back. */
  stop(text = "The camera is off.") {
    this.turn += 1;
    this.complain("");
    if (this.running) this.tell(text);
    this.running = false;
    this.video.srcObject?.getTracks().forEach((track) => track.stop());
    this.video.onerror = null;
    this.video.srcObject = null;
    this.video.removeAttribute("src");
    this.video.load();
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = null;
    this.rate.textContent = "";
    this.show();
  }

  async sendFrame(turn) {
    if (turn !== this.turn || !this.running) return;
    if (!this.element.getClientRects().length) return this.stop("The camera is off, because its tab was left.");
    const { videoWidth: width, videoHeight: height } = this.video;
    if (this.video.readyState < 2 || !width) return setTimeout(() => this.sendFrame(turn), BUSY);
    this.sent = performance.now();
    const scale = Number(this.size.value) / Math.max(width, height);
    this.frame.width = Math.max(1, Math.round(width * scale));
    this.frame.height = Math.max(1, Math.round(height * scale));
    const context = this.frame.getContext("2d", { willReadFrequently: true });
    if (this.mirror.checked) context.setTransform(-1, 0, 0, 1, this.frame.width, 0);
    context.drawImage(this.video, 0, 0, this.frame.width, this.frame.height);
    const blob = await new Promise((resolve) => this.frame.toBlob(resolve, "image/jpeg", 0.92));
    const bytes = await blob.arrayBuffer();
    if (turn !== this.turn) return;
    const { weights } = this;
    const images = this.choices.own in weights ? [bytes, this.own] : [bytes];
    try {
      this.studio.model.send({ kind: "live", page: this.studio.id, turn, weights }, undefined, images);
    } catch {
      this.stop();
      return this.complain("the kernel has ended: run the cell again, or reload the page");
    }
    this.studio.expectAnswer();
  }

  /** A frame has come back: painted, dropped because another page's was painted, or with what is wrong. */
  async receive({ page, turn, error, dropped, milliseconds }, buffers) {
    if (page !== this.studio.id || turn !== this.turn) return;
    if (error) {
      this.complain(error);
      this.rate.textContent = "";
    }
    if (buffers.length) await this.showFrame(turn, milliseconds, buffers[0]);
    const rest = dropped || error ? BUSY : Math.max(0, FASTEST - (performance.now() - this.sent));
    setTimeout(() => this.sendFrame(turn), rest);
  }

  async showFrame(turn, milliseconds, bytes) {
    const image = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    if (turn !== this.turn) return image.close();
    if (this.painted.width !== image.width) this.painted.width = image.width;
    if (this.painted.height !== image.height) this.painted.height = image.height;
    this.painted.getContext("2d").drawImage(image, 0, 0);
    image.close();
    this.complain("");
    this.tell("Painting.");
    this.save.disabled = false;
    const label = `The painted frame, in ${this.names.join(" and ")}`;
    if (this.painted.getAttribute("aria-label") !== label) this.painted.setAttribute("aria-label", label);
    const now = performance.now();
    if (this.last) this.intervals = [...this.intervals, now - this.last].slice(-RECENT);
    this.last = now;
    if (!this.intervals.length) return;
    const size = `${this.painted.width} × ${this.painted.height} pixels`;
    this.rate.textContent = `${number(1000 / median(this.intervals))} frames a second · ${size} · the network takes ${duration(milliseconds / 1000)}`;
  }

  savePicture() {
    const size = Math.max(this.painted.width, this.painted.height);
    const name = `live-${this.names.join("-").replace(/[^\w.-]+/g, "-") || "camera"}-${size}px.png`;
    this.painted.toBlob(async (blob) => saveFile({ name, type: "image/png" }, await blob.arrayBuffer()), "image/png");
  }
}
