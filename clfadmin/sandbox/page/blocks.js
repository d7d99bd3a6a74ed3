// Block Kit as far as a bot's posts use it: section, header, context, divider, actions, image by its description.

import { element, nodes } from "./text.js";

function written(text, model) {
  const holder = element("div", "text");
  if (!text) return holder;
  if (text.type === "mrkdwn") holder.append(...nodes(text.text, model));
  else holder.textContent = text.text;
  return holder;
}

const BLOCKS = {
  section(block, model) {
    const holder = element("div", "block");
    holder.append(written(block.text, model), ...(block.fields || []).map((field) => written(field, model)));
    return holder;
  },
  header: (block) => element("div", "block header", block.text.text),
  context(block, model) {
    const holder = element("div", "block context");
    holder.append(...block.elements.filter((one) => one.text).map((one) => written(one, model)));
    return holder;
  },
  divider() {
    const holder = element("div", "block");
    holder.append(document.createElement("hr"));
    return holder;
  },
  image: (block) => element("div", "block context", block.alt_text),
  actions(block) {
    const holder = element("div", "block actions");
    for (const one of block.elements.filter((part) => part.type === "button")) {
      const button = element("button", "button quiet", one.text.text);
      Object.assign(button, { type: "button", disabled: true, title: "This sandbox passes no clicks on yet" });
      holder.append(button);
    }
    return holder;
  },
};

// Elements for the blocks this page can show; an empty list means: show the text instead.
export function drawBlocks(blocks, model) {
  try {
    return blocks.filter((block) => BLOCKS[block.type]).map((block) => BLOCKS[block.type](block, model));
  } catch {
    return []; // a block without its parts: the text says it as well
  }
}
