// Rich text as Slack's own editor makes it: sections, lists, quotes, code.

import { emoji } from "./emoji.js";
import { element, nodes } from "./text.js";

const TAGS = { bold: "b", italic: "i", strike: "s", code: "code" };

function piece(part, model) {
  if (part.type === "text") {
    let made = document.createTextNode(part.text);
    for (const [style, tag] of Object.entries(TAGS)) {
      if (!part.style?.[style]) continue;
      const outer = document.createElement(tag);
      outer.append(made);
      made = outer;
    }
    return [made];
  }
  if (part.type === "emoji") return [emoji(part.name) || document.createTextNode(`:${part.name}:`)];
  if (part.type === "user") return nodes(`<@${part.user_id}>`, model);
  if (part.type === "channel") return nodes(`<#${part.channel_id}>`, model);
  if (part.type === "link") return nodes(`<${part.url}|${(part.text || part.url).replace(/[<>|]/g, "")}>`, model);
  if (part.type === "broadcast") return nodes(`<!${part.range}>`, model);
  return [];
}

const TAG_OF = { rich_text_section: "div", rich_text_quote: "blockquote", rich_text_preformatted: "pre" };

function part(one, model) {
  if (one.type === "rich_text_list") {
    const list = element(one.style === "ordered" ? "ol" : "ul", "rich-list");
    for (const item of one.elements) {
      const row = element("li");
      row.append(...item.elements.flatMap((inner) => piece(inner, model)));
      list.append(row);
    }
    return list;
  }
  const holder = element(TAG_OF[one.type]);
  holder.append(...one.elements.flatMap((inner) => piece(inner, model)));
  return holder;
}

export function drawRich(block, model) {
  const holder = element("div", "block text");
  holder.append(...block.elements.map((one) => part(one, model)));
  return holder;
}
