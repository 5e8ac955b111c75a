"use strict";
// The page of a live source: a stream of pictures, one look a second at how things are, a point's depth.

const byId = (id) => document.getElementById(id);
const canvas = byId("picture");
const markers = [...document.querySelectorAll(".marker")];
const narrow = matchMedia("(max-width: 640px)");
let options = null;
let source = 0;
let point = null; // in 0…1 of the source's picture
let states = [];
let reachable = true;

const params = new URLSearchParams(location.search);
if (params.has("token")) { // it is a cookie by now, and need not stand in the address
  params.delete("token");
  const rest = params.toString();
  history.replaceState(null, "", location.pathname + (rest ? "?" + rest : "") + location.hash);
}

// --- What is chosen -------------------------------------------------------------------------------------------------

const names = {
  auto: "as it fits", "side-by-side": "side by side", depth: "depth alone", stacked: "stacked",
  overlay: "overlay", inset: "inset",
};
const swatches = {
  inferno: "#000004,#57106e,#bc3754,#f98e09,#fcffa4", magma: "#000004,#51127c,#b73779,#fc8961,#fcfdbf",
  viridis: "#440154,#3b528b,#21918c,#5ec962,#fde725", turbo: "#30123b,#4686fb,#1ae4b6,#a4fc3c,#fb8022,#7a0403",
  spectral: "#5e4fa2,#66c2a5,#ffffbf,#f46d43,#9e0142", gray: "#000,#fff",
  kitti: "#000,#00f,#f00,#f0f,#0f0,#0ff,#ff0,#fff",
};

function fill(select, values, chosen) {
  select.replaceChildren(...values.map((value) => {
    const option = new Option(names[value] || value, value);
    option.selected = value === chosen;
    return option;
  }));
}

function layoutNow() {
  const chosen = byId("layout").value;
  return chosen !== "auto" ? chosen : narrow.matches ? "stacked" : "side-by-side";
}

function rangeNow() {
  const kind = byId("range").value;
  if (kind !== "fixed") return kind;
  const [low, high] = [byId("low").valueAsNumber, byId("high").valueAsNumber];
  return low < high ? `fixed:${low}:${high}` : "scene";
}

function showChoices() {
  const colours = swatches[byId("colormap").value] || "#000,#fff";
  const list = colours.split(",");
  if (byId("invert").checked) list.reverse();
  byId("swatch").style.backgroundImage = `linear-gradient(90deg,${list})`;
  byId("fixed").hidden = byId("range").value !== "fixed";
}

async function choose(event) {
  if (event && event.target.id === "range" && byId("range").value === "fixed" && !byId("low").value) {
    const range = await get(`/point.json?source=${source}&x=0.5&y=0.5`).then((p) => p.range, () => [0, 1]);
    [byId("low").value, byId("high").value] = range.map((end) => Number(end.toPrecision(3)));
  }
  showChoices();
  placeMarkers();
  stream.restart();
}

// --- The stream -----------------------------------------------------------------------------------------------------

const stream = {
  abort: null, address: "", timer: 0, last: 0, shown: 0,

  /// Pictures come every two seconds at least, new or not: silence means that the way is broken.
  get isSilent() { return this.abort && this.shown && performance.now() - this.last > 7000; },

  wanted() {
    const across = canvas.parentElement.parentElement.clientWidth * Math.min(devicePixelRatio || 1, 2);
    const width = [480, 640, 960, 1280, 1920].find((w) => w >= across) || 1920;
    return "/stream.mjpg?" + new URLSearchParams({
      source, layout: layoutNow(), colormap: byId("colormap").value, invert: byId("invert").checked ? 1 : 0,
      range: rangeNow(), width,
    });
  },

  /// Begins anew where something else is wanted by now.
  restart(force) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const address = this.wanted();
      if (!force && this.abort && address === this.address) return;
      this.stop();
      this.run(address);
    }, force ? 0 : 250);
  },

  stop() {
    if (this.abort) this.abort.abort();
    this.abort = null;
  },

  async run(address) {
    const abort = this.abort = new AbortController();
    this.address = address;
    this.last = performance.now();
    const layout = new URLSearchParams(address.split("?")[1]).get("layout");
    let trouble = "The stream ended.";
    try {
      // As plain bytes: some browsers take a multipart answer apart before a script sees it.
      const headers = { Accept: "application/octet-stream" };
      const answer = await fetch(address, { signal: abort.signal, headers });
      if (!answer.ok) throw new Error((await answer.text()).trim());
      await this.read(answer.body.getReader(), layout);
    } catch (error) {
      if (abort.signal.aborted) return;
      if (error.message && error.name === "Error") trouble = error.message;
    }
    if (abort.signal.aborted || this.abort !== abort) return;
    this.abort = null;
    notice(trouble + " Connecting again…");
    this.timer = setTimeout(() => this.restart(true), 1000);
  },

  /// Takes the parts of a multipart stream apart: a head with the length, then the picture.
  async read(reader, layout) {
    let buffer = new Uint8Array(1 << 18), used = 0, body = -1, end = -1;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.last = performance.now();
      if (used + value.length > buffer.length) {
        const larger = new Uint8Array(Math.max(2 * buffer.length, used + value.length));
        larger.set(buffer.subarray(0, used));
        buffer = larger;
      }
      buffer.set(value, used);
      used += value.length;
      for (;;) {
        if (body < 0) {
          const head = new TextDecoder("latin1").decode(buffer.subarray(0, Math.min(used, 512)));
          const blank = head.indexOf("\r\n\r\n");
          const length = /content-length: *(\d+)/i.exec(head.slice(0, blank < 0 ? 0 : blank));
          if (!length) {
            if (used > 4096) throw new Error("The stream can't be read.");
            break;
          }
          body = blank + 4;
          end = body + Number(length[1]);
        }
        if (used < end) break;
        this.show(new Blob([buffer.subarray(body, end)], { type: "image/jpeg" }), layout);
        buffer.copyWithin(0, end, used);
        used -= end;
        body = -1;
      }
    }
  },

  decoding: false,

  /// Draws a picture, unless the one before is still being decoded.
  async show(blob, layout) {
    if (this.decoding) return;
    this.decoding = true;
    try {
      const picture = await createImageBitmap(blob);
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        [canvas.width, canvas.height] = [picture.width, picture.height];
        canvas.parentElement.style.setProperty("--aspect", picture.width / picture.height);
      }
      canvas.getContext("2d").drawImage(picture, 0, 0);
      picture.close();
      this.shown += 1;
      canvas.dataset.shown = this.shown;
      if (canvas.dataset.layout !== layout) {
        canvas.dataset.layout = layout;
        placeMarkers();
      }
      notice("");
    } catch { /* a broken picture: the next one comes */ }
    this.decoding = false;
  },
};

function notice(text) {
  const place = byId("notice");
  if (place.textContent === text) return;
  place.textContent = text;
  place.hidden = !text;
}

// --- The point ------------------------------------------------------------------------------------------------------

/// Where source and depth are in the picture: [left, top, width, height] in 0…1.
function panes() {
  switch (canvas.dataset.layout) {
    case "side-by-side": return [[0, 0, .5, 1], [.5, 0, .5, 1]];
    case "stacked": return [[0, 0, 1, .5], [0, .5, 1, .5]];
    case "inset": { // as the program lays it out: a third, in the upper right corner
      const [w, h] = [canvas.width, canvas.height];
      const even = (number) => Math.floor(number / 2) * 2;
      const [across, down] = [even(w / 3), even(h / 3)], margin = Math.max(even(Math.min(w, h) / 40), 2);
      return [[0, 0, 1, 1], [even(w - across - margin) / w, margin / h, across / w, down / h]];
    }
    default: return [[0, 0, 1, 1]];
  }
}

function placeMarkers() {
  const all = panes();
  markers.forEach((marker, index) => {
    const pane = all[index];
    marker.hidden = !point || !pane;
    if (marker.hidden) return;
    marker.style.left = `${100 * (pane[0] + point.x * pane[2])}%`;
    marker.style.top = `${100 * (pane[1] + point.y * pane[3])}%`;
  });
}

function pick(event) {
  const box = canvas.getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  const pane = panes().findLast(([left, top, width, height]) =>
    x >= left && x <= left + width && y >= top && y <= top + height);
  if (!pane) return;
  setPoint({ x: (x - pane[0]) / pane[2], y: (y - pane[1]) / pane[3] });
}

function setPoint(place) {
  const inside = (number) => Math.min(1, Math.max(0, number));
  point = place && { x: inside(place.x), y: inside(place.y) };
  placeMarkers();
  readPoint(true);
}

const digits = (value) => {
  if (!isFinite(value)) return String(value);
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : 3);
};

async function readPoint(speaks) {
  byId("hint").hidden = !!point;
  byId("reading").hidden = !point;
  if (!point) return;
  const asked = point;
  try {
    const answer = await get(`/point.json?source=${source}&x=${point.x.toFixed(5)}&y=${point.y.toFixed(5)}`);
    if (point !== asked) return;
    byId("value").textContent = digits(answer.value);
    byId("unit").textContent = answer.unit;
    byId("nearness").style.left = `${100 * answer.nearness}%`;
    const flags = answer.flags.length ? ` · ${answer.flags.join(", ")}` : "";
    const lost = answer.lostFor ? " · signal lost" : "";
    byId("place").textContent =
      `${(100 * answer.x).toFixed(0)} % across, ${(100 * answer.y).toFixed(0)} % down${flags}${lost}`;
    if (speaks) byId("spoken").textContent = `${digits(answer.value)} ${answer.unit}`;
  } catch (error) {
    byId("value").textContent = "–";
    byId("unit").textContent = "";
    byId("place").textContent = error.message;
  }
}

function moveByKey(event) {
  const step = event.shiftKey ? .1 : .01;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (event.key === "Escape") return setPoint(null);
  const move = moves[event.key] || (event.key === "Enter" && [0, 0]);
  if (!move) return;
  event.preventDefault();
  const from = point || { x: .5, y: .5 };
  setPoint({ x: from.x + move[0], y: from.y + move[1] });
}

// --- How things are -------------------------------------------------------------------------------------------------

async function get(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.json();
}

const history50 = [];
const set = (id, text) => { const place = byId(id); if (place.textContent !== text) place.textContent = text; };
const rate = (number) => number >= 100 ? number.toFixed(0) : number.toFixed(1);
const whole = (number) => Math.round(number).toLocaleString("en");

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function showState(state) {
  set("name", options.sources.length > 1 ? "" : state.name);
  const words = { connecting: "connecting", playing: "playing", lost: "signal lost", ended: "ended" };
  byId("state").className = `state ${state.state}`;
  set("state-word", words[state.state] || state.state);
  set("trouble", state.trouble || "");
  byId("trouble").hidden = !state.trouble;
  set("in", rate(state.inputRate));
  set("out", rate(state.outputRate));
  const age = state.recentAgeMs;
  for (const key of ["p50", "p95", "p99"]) set(key, whole(age[key]));
  set("jitter", state.jitterMs.toFixed(1));
  const why = { slow: "a newer one was there", age: "too old", time: "out of order", end: "at the end" };
  const reasons = Object.entries(state.drops).map(([key, count]) => `${whole(count)} ${why[key] || key}`);
  set("dropped", whole(state.framesDropped) + (reasons.length ? ` (${reasons.join(", ")})` : ""));
  set("damaged", whole(state.framesDamaged));
  set("reconnects", whole(state.reconnects));
  set("size", state.width ? `${state.width}×${state.height} ${state.codec}` : "–");
  set("network", state.networkWidth ? `${state.networkWidth}×${state.networkHeight}` : "–");
  showLoad(state);
  showOutputs(state.outputs);
  showHistory(age);
}

function showLoad(state) {
  const stages = Object.entries(state.load);
  if (!stages.length) return;
  const order = ["read", "reader", "decode", "depth", "render", "encode"];
  stages.sort(([a], [b]) => (order.indexOf(a) + 99) % 99 - (order.indexOf(b) + 99) % 99 || a.localeCompare(b));
  byId("load").replaceChildren(...stages.map(([stage, load]) => {
    const row = element("li"), line = element("p"), name = element("span", stage), bar = element("meter");
    if (stage === state.limitingStage) {
      name.append(element("em", "sets the speed"));
      bar.className = "limiting";
    }
    line.append(name, element("span", `${Math.round(100 * load)} %`));
    bar.max = 1;
    bar.value = load;
    bar.setAttribute("aria-label", `${stage} at work`);
    row.append(line, bar);
    return row;
  }));
}

function showOutputs(outputs) {
  if (!outputs.length) return;
  byId("outputs").replaceChildren(...outputs.map((output) => {
    const row = element("li", "", output.state === "working" ? "playing" : output.state === "failed" ? "lost" : output.state);
    const size = output.bytes > 0 ? `, ${(output.bytes / 1e6).toFixed(1)} MB` : "";
    row.append(element("span", "", "dot"), output.name,
      element("small", `${output.state} · ${whole(output.written)} out, ${whole(output.dropped)} dropped${size}`));
    if (output.trouble) row.append(element("small", output.trouble, "bad"));
    return row;
  }));
}

function showHistory(age) {
  history50.push([age.p50, age.p99]);
  if (history50.length > 120) history50.shift();
  const top = Math.max(10, ...history50.map((pair) => pair[1])) * 1.1;
  const start = 120 - history50.length;
  const line = (which) => history50.map((pair, index) =>
    `${start + index},${(31 - 30 * pair[which] / top).toFixed(1)}`).join(" ");
  byId("line50").setAttribute("points", line(0));
  byId("line99").setAttribute("points", line(1));
  set("scale", `up to ${whole(top)} ms`);
}

function showTabs() {
  const tabs = byId("tabs");
  tabs.hidden = options.sources.length < 2;
  if (tabs.hidden) return;
  if (!tabs.children.length) {
    options.sources.forEach((name, index) => {
      const tab = element("button", name.replace(/^[a-z0-9]+:\/*/i, ""));
      tab.type = "button";
      tab.title = name;
      tab.addEventListener("click", () => select(index));
      tabs.append(tab);
    });
  }
  [...tabs.children].forEach((tab, index) => {
    tab.setAttribute("aria-pressed", index === source);
    tab.className = states[index] ? states[index].state : "";
  });
}

function select(index) {
  source = index;
  history50.length = 0;
  byId("load").replaceChildren(element("li", "–", "hint"));
  byId("outputs").replaceChildren(element("li", "None besides this page.", "hint"));
  setPoint(null);
  links();
  stream.restart();
  look();
}

function links() {
  const hls = options.hasHLS ? [["hls/live.m3u8", "HLS"]] : [];
  const all = [["stream.mjpg", "MJPEG"], ...hls, ["depth.png", "depth as PNG"], ["depth.f32", "as floats"],
    ["state.json", "state"], ["metrics", "metrics"]];
  byId("links").replaceChildren(...all.map(([path, name]) => {
    const link = element("a", name);
    link.href = `/${path}${source ? `?source=${source}` : ""}`;
    return link;
  }));
}

async function look() {
  try {
    states = await get("/state.json");
    reachable = true;
    showState(states[source]);
    showTabs();
    readPoint(false);
    if (stream.isSilent) {
      notice("The stream stands still. Connecting again…");
      stream.restart(true);
    } else if (!stream.abort && !document.hidden) stream.restart();
    else if (!stream.shown) notice("Waiting for the first picture…");
  } catch {
    reachable = false;
    byId("state").className = "state away";
    set("state-word", "not reachable");
    notice("Fathom does not answer. Trying again…");
  }
}

async function begin() {
  try {
    options = await get("/page.json");
  } catch (error) {
    notice(error.message || "Fathom does not answer.");
    setTimeout(begin, 2000);
    return;
  }
  fill(byId("layout"), ["auto", ...options.layouts], options.layout === "side-by-side" ? "auto" : options.layout);
  fill(byId("colormap"), options.colorMaps, options.colorMap);
  byId("invert").checked = options.invert;
  const fixed = /^fixed:(.+):(.+)$/.exec(options.range);
  byId("range").value = fixed ? "fixed" : options.range === "frame" ? "frame" : "scene";
  if (fixed) [byId("low").value, byId("high").value] = fixed.slice(1);
  showChoices();
  links();
  byId("controls").addEventListener("change", choose);
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("forget").addEventListener("click", () => { setPoint(null); canvas.focus(); });
  canvas.addEventListener("click", pick);
  canvas.addEventListener("keydown", moveByKey);
  addEventListener("resize", () => stream.restart());
  // A page that nobody sees needs no pictures.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stream.stop();
    else { stream.restart(true); look(); }
  });
  stream.restart(true);
  look();
  setInterval(() => { if (!document.hidden) look(); }, 1000);
}

begin();
