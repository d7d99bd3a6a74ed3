// Block Kit as messages, windows and App Home show it.

import { drawElement } from "./elements.js";
import { drawRich } from "./rich.js";
import { element, nodes } from "./text.js";

function written(text, model) {
  const holder = element("div", "text");
  if (text?.type === "mrkdwn") holder.append(...nodes(text.text, model));
  else holder.textContent = text?.text || "";
  return holder;
}

// Only pictures of this sandbox are shown: the page asks no other machine for anything.
export function picture(fileId, alt) {
  const image = element("img");
  Object.assign(image, { src: `/_sandbox/files/${encodeURIComponent(fileId)}`, alt, loading: "lazy" });
  return image;
}

function drawImage(part) {
  const own = part.slack_file?.id || part.image_url?.match(/^https?:\/\/[^/]+\/files-pri\/\w+-(F\w+)\//)?.[1];
  const local = own && (part.slack_file || part.image_url.startsWith(`${location.origin}/`));
  return local ? picture(own, part.alt_text) : element("span", "no-picture", `🖼 ${part.alt_text}`);
}

function section(block, model) {
  const holder = element("div", "block section");
  const main = element("div", "section-text");
  if (block.text) main.append(written(block.text, model));
  if (block.fields) {
    const fields = element("div", "fields");
    fields.append(...block.fields.map((field) => written(field, model)));
    main.append(fields);
  }
  holder.append(main);
  const part = block.accessory;
  if (part) holder.append(part.type === "image" ? drawImage(part) : drawElement(block, part, model, labelOf(block)));
  return holder;
}

// A menu beside a text is about that text.
const labelOf = (block) => (block.accessory.placeholder ? block.accessory.placeholder.text : "");

function context(block, model) {
  const holder = element("div", "block context");
  holder.append(...block.elements.map((one) => (one.type === "image" ? drawImage(one) : written(one, model))));
  return holder;
}

function actions(block, model) {
  const holder = element("div", "block actions");
  holder.append(...block.elements.map((one) => drawElement(block, one, model)));
  return holder;
}

function input(block, model) {
  const holder = element("div", "block input");
  const label = element("label", "", block.label.text);
  if (block.optional) label.append(element("span", "hint", " (optional)"));
  const part = drawElement(block, block.element, model, block.label.text);
  const control = part.querySelector("select, input, textarea, fieldset");
  const problem = element("p", "problem");
  problem.hidden = true;
  problem.id = `${control.id}-problem`;
  label.htmlFor = control.id;
  control.setAttribute("aria-describedby", problem.id);
  holder.dataset.input = block.block_id;
  if (block.dispatch_action) holder.dataset.dispatch = "yes";
  holder.append(label, part);
  if (block.hint) holder.append(element("p", "hint", block.hint.text));
  holder.append(problem);
  return holder;
}

const BLOCKS = {
  section,
  header: (block) => element("h3", "block header", block.text.text),
  context,
  divider() {
    const holder = element("div", "block");
    holder.append(document.createElement("hr"));
    return holder;
  },
  image(block) {
    const holder = element("figure", "block picture");
    if (block.title) holder.append(element("figcaption", "", block.title.text));
    holder.append(drawImage(block));
    return holder;
  },
  actions,
  input,
  rich_text: drawRich,
};

// Elements for the blocks this page can show; an empty list means: show the text instead.
export function drawBlocks(blocks, model) {
  try {
    return blocks.filter((block) => BLOCKS[block.type]).map((block) => BLOCKS[block.type](block, model));
  } catch {
    return []; // a block without its parts: the text says it as well
  }
}
