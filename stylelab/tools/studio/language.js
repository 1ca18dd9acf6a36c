// The page in another language. studio.js and live.js write English; texts are translated as they appear, before they are drawn.
// `Phrases` finds a sentence as stylelab/languages/sentences.py does.

const SPOKEN = ["aria-label", "aria-valuetext", "title", "placeholder", "alt"]; // attributes that are read out or shown
const WIDE = /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]/; // no space stands next to these
const WIDER = { ".": "。", ",": "，", ":": "：", ";": "；", "?": "？", "!": "！" };

class Phrases {
  /** pairs: {English: other}, with {1}, {2} ... for what differs from time to time, and {1!} for a name, which stays as it is. */
  constructor(pairs) {
    const split = (text) => text.split(/(\{\d+!?\})/);
    const letters = (parts) => parts.filter((_, index) => index % 2 === 0).join("").match(/\p{L}/gu)?.length ?? 0;
    const literal = (part, index) => (index % 2 ? "([^]*?)" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const isName = (part, index, parts) => parts[index + 1]?.endsWith("!}") || (/[`']$/.test(part) && parts[index + 2]?.[0] === part.at(-1));
    this.found = new Map();
    this.holed = [];
    for (const [english, other] of Object.entries(pairs)) {
      const parts = split(english.trim());
      if (parts.length === 1) this.found.set(parts[0], other.trim());
      else if (letters(parts) > 1) {
        const pattern = new RegExp(`^${parts.map(literal).join("")}$`);
        const literals = parts.filter((_, index) => index % 2 === 0).join("").length;
        this.holed.push({ pattern, names: parts.map(isName), other: split(other.trim()), letters: letters(parts), literals });
      }
    }
    this.holed.sort((one, other) => other.letters - one.letters || other.literals - one.literals); // the most particular first
  }

  /** A text in the language, or null. Of several ways, that which leaves the least English. */
  find(text) {
    text = text.trim();
    if (this.found.has(text)) return this.found.get(text);
    const best = /\p{L}/u.test(text) ? this.best(text) : null;
    if (!/\d/.test(text)) this.found.set(text, best); // numbers differ each time
    return best;
  }

  best(text) {
    const sentence = this.found.get(`${text}.`); // which stands within another one
    if (sentence) return sentence.replace(/。$/, "");
    let [best, least] = [null, Infinity];
    for (const ways of [this.filled(text), this.inParts(text)]) {
      for (const way of ways) {
        const words = englishWords(way);
        if (words < least) [best, least] = [way, words];
        if (!least) return best;
      }
    }
    return best;
  }

  *filled(text) {
    for (const { pattern, names, other } of this.holed) {
      const match = pattern.exec(text);
      const hole = (part) => {
        const place = parseInt(part.slice(1));
        return names[2 * place - 2] ? match[place] : (this.find(match[place]) ?? match[place]).trim();
      };
      if (match && !match.slice(1).some((part) => part.includes(" · "))) yield other.map((part, index) => (index % 2 ? hole(part) : part)).join("");
    }
  }

  *inParts(text) {
    if (text.includes(" · ")) yield text.split(" · ").map((part) => this.find(part) ?? part).join(" · ");
    for (const { index } of text.matchAll(/(?<=[.?!:;,]) /g)) {
      const [first, last] = [text.slice(0, index).replace(/[;,]$/, ""), text.slice(index + 1)];
      const [one, other] = [this.find(first), this.find(last)];
      if (one || other) yield join((one ?? first) + text.slice(first.length, index), other ?? last);
    }
  }
}

function englishWords(text) {
  return text.replace(/`[^`]*`|'[^']*'/g, "").match(/\b[a-z]{3,}\b/g)?.length ?? 0;
}

function join(one, other) {
  if (WIDE.test(other[0] ?? "")) return one.replace(/[.,:;?!]$/, (sign) => WIDER[sign]) + other;
  return WIDE.test(one.at(-1) ?? "") ? one + other : `${one} ${other}`;
}

/** Translates everything below an element, now and later. Returns what ends that. */
function translate(root, pairs) {
  const phrases = new Phrases(pairs);
  const put = (text, replace) => {
    const found = phrases.find(text);
    if (found && found !== text) replace(text.replace(text.trim(), () => found));
  };
  const visit = (node) => {
    if (node.nodeType === Node.TEXT_NODE) put(node.data, (text) => (node.data = text));
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    for (const name of SPOKEN) if (node.hasAttribute(name)) put(node.getAttribute(name), (text) => node.setAttribute(name, text));
    node.childNodes.forEach(visit);
  };
  const observer = new MutationObserver((records) => {
    for (const { type, target, addedNodes } of records) (type === "childList" ? [...addedNodes] : [target]).forEach(visit);
  });
  visit(root);
  observer.observe(root, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: SPOKEN });
  return () => observer.disconnect();
}
