// What the page knows: people, places, messages, and where the reader is. No DOM in here.

export const model = {
  team: null, bot: null, users: new Map(), channels: new Map(), ephemerals: [],
  views: [], home: null, atHome: false, commands: [], shortcuts: [],
  me: localStorage.getItem("me") || "", here: "", thread: "", editing: "", shown: 100,
};

const remembered = new Map(); // channel id -> what must survive a re-read: unread count

export function setState(state) {
  model.team = state.team;
  model.bot = state.bot;
  model.commands = state.commands;
  model.shortcuts = state.shortcuts;
  model.users = new Map(state.users.map((user) => [user.id, user]));
  const channels = new Map();
  for (const channel of state.channels) {
    const old = model.channels.get(channel.id);
    channels.set(channel.id, {
      ...channel, messages: old?.messages || new Map(), replies: old?.replies || new Map(),
      loaded: old?.loaded || false, unread: old?.unread || remembered.get(channel.id) || 0,
    });
  }
  model.channels = channels;
  if (!model.users.has(model.me)) model.me = people()[0]?.id || "";
}

export function forget() {
  remembered.clear();
  model.channels = new Map();
  model.ephemerals = [];
  Object.assign(model, { thread: "", editing: "", shown: 100, views: [], home: null });
}

export const people = () => [...model.users.values()].filter((user) => !user.bot);
export const here = () => model.channels.get(model.here);
export const isMember = (channel) => channel.members.includes(model.me);
export const hasBot = (channel) => channel.members.includes(model.bot.user);

export function visibleChannels() {
  return [...model.channels.values()].filter(
    (one) => one.kind === "channel" || (one.kind === "private" && isMember(one)));
}

// Direct conversations of the writing person; the one with the bot comes first and exists as soon as it is opened.
export function visibleDirects() {
  const mine = [...model.channels.values()].filter((one) => (one.kind === "im" || one.kind === "mpim") && isMember(one));
  const withBot = mine.find(isBotDirect);
  return { withBot, others: mine.filter((one) => one !== withBot) };
}

const isBotDirect = (channel) => channel.kind === "im" && hasBot(channel);

export function title(channel) {
  if (channel.kind === "channel" || channel.kind === "private") return channel.name;
  const others = channel.members.filter((id) => id !== model.me);
  return others.map((id) => model.users.get(id)?.name || id).join(", ");
}

export function author(message) {
  const user = message.bot_id
    ? [...model.users.values()].find((one) => one.name === message.name && one.bot)
    : model.users.get(message.user);
  return user || { id: message.user || message.bot_id, name: message.name, real_name: message.name, bot: Boolean(message.bot_id) };
}

export const isMine = (message) => message.user === model.me && !message.bot_id && !message.ephemeral;
export const isReply = (message) => Boolean(message.thread_ts);

export function load(channel, messages) {
  channel.messages = new Map();
  channel.replies = new Map();
  for (const message of messages) put(channel, message);
  channel.loaded = true;
}

// Keeps `message`; true when it was not known before.
export function put(channel, message) {
  const fresh = !channel.messages.has(message.ts);
  channel.messages.set(message.ts, message);
  if (fresh && message.thread_ts) {
    if (!channel.replies.has(message.thread_ts)) channel.replies.set(message.thread_ts, []);
    channel.replies.get(message.thread_ts).push(message.ts);
  }
  return fresh;
}

export function remove(channel, ts) {
  const message = channel.messages.get(ts);
  channel.messages.delete(ts);
  const siblings = message?.thread_ts && channel.replies.get(message.thread_ts);
  if (siblings) channel.replies.set(message.thread_ts, siblings.filter((one) => one !== ts));
}

export function replies(channel, ts) {
  return (channel.replies.get(ts) || []).map((one) => channel.messages.get(one)).filter(Boolean);
}

// What the channel itself shows, oldest first, with the whispers of the bot to this person in their place.
export function topLevel(channel) {
  const shown = [...channel.messages.values()].filter((one) => !isReply(one) || one.broadcast);
  const whispers = model.ephemerals.filter((one) => one.channel === channel.id && one.to === model.me && !one.thread_ts);
  return whispers.length ? [...shown, ...whispers].sort((a, b) => (a.ts < b.ts ? -1 : 1)) : shown;
}

export function inThread(channel, ts) {
  const whispers = model.ephemerals.filter((one) => one.channel === channel.id && one.to === model.me && one.thread_ts === ts);
  return [...replies(channel, ts), ...whispers].sort((a, b) => (a.ts < b.ts ? -1 : 1));
}

export function lastOfMine(channel, thread) {
  const among = thread ? replies(channel, thread) : topLevel(channel);
  return among.filter((one) => isMine(one) && !one.subtype).at(-1);
}
