// Emoji by Slack's short names: characters where the system has a colour font, small drawings for the commonest where not.

const NAMES = `
slightly_smiling_face 🙂 slightly_frowning_face 🙁 neutral_face 😐 grinning 😀 smile 😄 smiley 😃 grin 😁 laughing 😆
satisfied 😆 sweat_smile 😅 joy 😂 rolling_on_the_floor_laughing 🤣 rofl 🤣 wink 😉 blush 😊 innocent 😇 heart_eyes 😍
star-struck 🤩 kissing_heart 😘 yum 😋 stuck_out_tongue 😛 hugging_face 🤗 thinking_face 🤔 zipper_mouth_face 🤐
expressionless 😑 no_mouth 😶 smirk 😏 unamused 😒 face_with_rolling_eyes 🙄 grimacing 😬 relieved 😌 pensive 😔
sleepy 😪 sleeping 😴 nauseated_face 🤢 hot_face 🥵 cold_face 🥶 dizzy_face 😵 exploding_head 🤯 partying_face 🥳
sunglasses 😎 nerd_face 🤓 confused 😕 worried 😟 white_frowning_face ☹️ open_mouth 😮 hushed 😯 astonished 😲 flushed 😳
pleading_face 🥺 frowning 😦 anguished 😧 fearful 😨 cold_sweat 😰 disappointed_relieved 😥 cry 😢 sob 😭 scream 😱
confounded 😖 persevere 😣 disappointed 😞 sweat 😓 weary 😩 tired_face 😫 yawning_face 🥱 triumph 😤 rage 😡 angry 😠
skull 💀 hankey 💩 poop 💩 ghost 👻 robot_face 🤖 wave 👋 raised_hand ✋ ok_hand 👌 v ✌️ crossed_fingers 🤞 point_up ☝️
point_right 👉 point_left 👈 point_down 👇 +1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 fist ✊ facepunch 👊 clap 👏
raised_hands 🙌 open_hands 👐 handshake 🤝 pray 🙏 muscle 💪 eyes 👀 brain 🧠 bow 🙇 shrug 🤷 face_palm 🤦
heart ❤️ orange_heart 🧡 yellow_heart 💛 green_heart 💚 blue_heart 💙 purple_heart 💜 broken_heart 💔 sparkling_heart 💖
100 💯 boom 💥 collision 💥 sweat_drops 💦 zzz 💤 fire 🔥 star ⭐ star2 🌟 sparkles ✨ zap ⚡ sunny ☀️ cloud ☁️
rainbow 🌈 snowflake ❄️ tada 🎉 confetti_ball 🎊 balloon 🎈 birthday 🎂 gift 🎁 trophy 🏆 medal 🏅 first_place_medal 🥇
rocket 🚀 ship 🚢 car 🚗 construction 🚧 rotating_light 🚨 bell 🔔 no_bell 🔕 bulb 💡 bug 🐛 beetle 🐞 hammer 🔨
wrench 🔧 gear ⚙️ lock 🔒 unlock 🔓 key 🔑 mag 🔍 link 🔗 paperclip 📎 pushpin 📌 memo 📝 book 📖 books 📚
calendar 📆 chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 bar_chart 📊 package 📦 email 📧 phone ☎️
computer 💻 hourglass ⌛ alarm_clock ⏰ stopwatch ⏱️ coffee ☕ tea 🍵 beer 🍺 beers 🍻 pizza 🍕 cake 🍰 doughnut 🍩
apple 🍎 avocado 🥑 taco 🌮 dog 🐶 cat 🐱 fox_face 🦊 bear 🐻 panda_face 🐼 unicorn_face 🦄 monkey_face 🐵
see_no_evil 🙈 turtle 🐢 snail 🐌 octopus 🐙 penguin 🐧 bee 🐝 seedling 🌱 evergreen_tree 🌲 cactus 🌵 rose 🌹
sunflower 🌻 earth_africa 🌍 globe_with_meridians 🌐 white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️
x ❌ negative_squared_cross_mark ❎ no_entry ⛔ no_entry_sign 🚫 warning ⚠️ question ❓ grey_question ❔ exclamation ❗
heavy_exclamation_mark ❗ bangbang ‼️ interrobang ⁉️ heavy_plus_sign ➕ heavy_minus_sign ➖ arrow_up ⬆️ arrow_down ⬇️
arrow_right ➡️ arrow_left ⬅️ arrows_counterclockwise 🔄 recycle ♻️ information_source ℹ️ speech_balloon 💬
thought_balloon 💭 loudspeaker 📢 mega 📣 mute 🔇 scales ⚖️ label 🏷️ dart 🎯 game_die 🎲 crystal_ball 🔮 art 🎨
red_circle 🔴 large_orange_circle 🟠 large_yellow_circle 🟡 large_green_circle 🟢 large_blue_circle 🔵
large_purple_circle 🟣 large_brown_circle 🟤 white_circle ⚪ black_circle ⚫ large_red_square 🟥 large_orange_square 🟧
large_yellow_square 🟨 large_green_square 🟩 large_blue_square 🟦 large_purple_square 🟪 large_brown_square 🟫
white_large_square ⬜ black_large_square ⬛ small_red_triangle 🔺 small_blue_diamond 🔹 large_blue_diamond 🔷`;

const WORDS = NAMES.trim().split(/\s+/);
export const EMOJI = new Map();
for (let at = 0; at < WORDS.length; at += 2) EMOJI.set(WORDS[at], WORDS[at + 1]);

// What the reaction menu offers.
export const QUICK = ["+1", "-1", "heart", "tada", "eyes", "white_check_mark", "slightly_smiling_face", "neutral_face",
  "slightly_frowning_face", "joy", "cry", "rage", "fire", "rocket", "smile", "open_mouth", "thinking_face", "x"];

const SVG = "http://www.w3.org/2000/svg";
const face = (inside, colour = "#ffcf4b") =>
  `<circle cx="12" cy="12" r="10.5" fill="${colour}" stroke="#c98a12" stroke-width=".8"/>${inside}`;
const eyes = '<g fill="#56350a"><ellipse cx="8.4" cy="10" rx="1.3" ry="1.7"/><ellipse cx="15.6" cy="10" rx="1.3" ry="1.7"/></g>';
const mouth = (path) => `<path d="${path}" fill="none" stroke="#56350a" stroke-width="1.6" stroke-linecap="round"/>`;
const grin = '<path d="M6.8 13.4h10.4q-.6 5-5.2 5t-5.2-5z" fill="#7a2d12"/><path d="M7.6 13.8h8.8v1.4H7.9z" fill="#fff"/>';
const tear = '<path d="M7.4 13q-2 3.4 0 4.4t1.6-1.6q-.2-1.4-1.6-2.8z" fill="#4aa8ef"/>';
const brows = '<g stroke="#56350a" stroke-width="1.5" stroke-linecap="round"><path d="M5.8 7.4l4 1.8"/><path d="M18.2 7.4l-4 1.8"/></g>';
const heart = '<path d="M12 21S2.6 15 2.6 8.6A5 5 0 0 1 12 6.2a5 5 0 0 1 9.4 2.4C21.4 15 12 21 12 21z" fill="#e0264f"/>';
const thumb = (turn) => `<g transform="${turn}"><path d="M8.2 10.4l3.6-7.6c2-.2 2.8 1 2.6 2.8l-.4 3.2h5c1.6 0 2.4 1.2 2 2.6l-1.8 7.2c-.4 1.2-1.2 1.8-2.4 1.8H8.2z" fill="#ffcf4b" stroke="#c98a12" stroke-width=".8"/><rect x="2.6" y="10" width="4.4" height="10.6" rx="1.2" fill="#3d7fd6"/></g>`;
const disc = (colour) => `<circle cx="12" cy="12" r="9.5" fill="${colour}"/>`;
const square = (colour) => `<rect x="3" y="3" width="18" height="18" rx="3" fill="${colour}"/>`;

const DRAWN = {
  slightly_smiling_face: face(eyes + mouth("M7.6 14.6q4.4 4 8.8 0")),
  neutral_face: face(eyes + mouth("M8 15.8h8")),
  slightly_frowning_face: face(eyes + mouth("M8 17q4-3.6 8 0")),
  grinning: face(eyes + grin),
  smile: face(mouth("M6.8 10.4q1.6-2 3.2 0M14 10.4q1.6-2 3.2 0") + grin),
  joy: face(mouth("M6.4 10.4q1.8-2 3.4 0M14.2 10.4q1.8-2 3.4 0") + grin + tear),
  cry: face(eyes + mouth("M8.6 17.4q3.4-3 6.8 0") + tear),
  rage: face(brows + eyes + mouth("M8 17.2q4-3.2 8 0"), "#f0694a"),
  angry: face(brows + eyes + mouth("M8 17.2q4-3.2 8 0")),
  thinking_face: face(eyes + mouth("M8.8 15.6q3-1.6 6.2 0") + '<path d="M5.4 7q2-1.8 4-.6" fill="none" stroke="#56350a" stroke-width="1.3"/>'),
  open_mouth: face(eyes + '<ellipse cx="12" cy="16.4" rx="2.2" ry="2.6" fill="#7a2d12"/>'),
  heart,
  "+1": thumb(""),
  "-1": thumb("rotate(180 12 12)"),
  white_check_mark: `${square("#2f9e55")}<path d="M7 12.4l3.4 3.6L17.2 8" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/>`,
  x: '<path d="M5 5l14 14M19 5L5 19" stroke="#d8344f" stroke-width="4" stroke-linecap="round"/>',
  tada: '<path d="M3 21L9 8l7 7z" fill="#ffcf4b" stroke="#c98a12" stroke-width=".8"/><g stroke-width="2" stroke-linecap="round" fill="none"><path d="M12 7q0-3 2.4-4" stroke="#e0264f"/><path d="M17 12q3 0 4-2.4" stroke="#3d7fd6"/><path d="M15 9l4.4-4.4" stroke="#2f9e55"/></g><g><circle cx="19" cy="15" r="1.2" fill="#e0264f"/><circle cx="9" cy="4" r="1.2" fill="#3d7fd6"/><circle cx="20.6" cy="6.6" r="1.1" fill="#8d4cc4"/></g>',
  eyes: '<g fill="#fff" stroke="#56505c" stroke-width="1"><ellipse cx="7.4" cy="12" rx="4" ry="6.4"/><ellipse cx="16.6" cy="12" rx="4" ry="6.4"/></g><g fill="#2a2430"><circle cx="6" cy="13" r="2"/><circle cx="15.2" cy="13" r="2"/></g>',
  fire: '<path d="M12 2q.6 4 3.6 6.6T19 15a7 7 0 0 1-14 0q0-3.6 2.6-6 .4 2 1.8 2.4Q9 6 12 2z" fill="#ee5b2b"/><path d="M12 12q3 2.6 3 5.2a3 3 0 0 1-6 0q0-2.6 3-5.2z" fill="#ffcf4b"/>',
  rocket: '<path d="M20.6 3.4Q14 3 9.6 9.4L8 13l3 3 3.6-1.6Q21 10 20.6 3.4z" fill="#d9dce3" stroke="#6c7280" stroke-width=".8"/><circle cx="15.4" cy="8.6" r="1.8" fill="#3d7fd6"/><path d="M9.6 9.4L5 10l-1.6 4L8 13zM14.6 14.4L14 19l-4 1.6L11 16z" fill="#d8344f"/><path d="M7.4 14.6q-3 .6-4 6 5.4-1 6-4z" fill="#ffb02e"/>',
  red_circle: disc("#d8344f"), large_orange_circle: disc("#ee8a2b"), large_yellow_circle: disc("#f2c230"),
  large_green_circle: disc("#2f9e55"), large_blue_circle: disc("#3d7fd6"), large_purple_circle: disc("#8d4cc4"),
  large_brown_circle: disc("#84583a"), white_circle: `${disc("#b9bcc4")}<circle cx="12" cy="12" r="8.4" fill="#fff"/>`, black_circle: disc("#2a2430"),
};
for (const [alias, name] of [["thumbsup", "+1"], ["thumbsdown", "-1"], ["smiley", "smile"], ["grin", "grinning"]]) {
  DRAWN[alias] = DRAWN[name];
}

const hasColourFont = (() => {
  const pen = Object.assign(document.createElement("canvas"), { width: 20, height: 20 }).getContext("2d", { willReadFrequently: true });
  pen.font = "16px 'Apple Color Emoji', 'Segoe UI Emoji', 'Noto Color Emoji', sans-serif";
  pen.fillText("🙂", 0, 16);
  const pixels = pen.getImageData(0, 0, 20, 20).data;
  for (let at = 0; at < pixels.length; at += 4) if (Math.abs(pixels[at] - pixels[at + 2]) > 40) return true;
  return false;
})();

// An element for `name`, or null when this page does not know it.
export function emoji(name) {
  const character = EMOJI.get(name.replace(/::skin-tone-\d$/, ""));
  if (!character) return null;
  const span = document.createElement("span");
  span.setAttribute("role", "img");
  span.setAttribute("aria-label", name.replaceAll("_", " "));
  span.title = `:${name}:`;
  span.className = "emoji";
  if (hasColourFont || !DRAWN[name]) {
    span.classList.add("native");
    span.textContent = character;
  } else {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.innerHTML = DRAWN[name]; // our own drawing above, never a text of anybody's
    span.append(svg);
  }
  return span;
}
