"use strict";
// One movie holds before, after, matte and doubts of every frame, one under the other; the first two as codes of
// light (see "shaper"), the doubts (invention, spread) four times their code values.
// A shader brings them back to light, applies the exposure, and shows them through the table of the OCIO view.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const frames = data.frames, count = frames.length, parts = 3 + data.doubts.length;
const state = { index: 0, wanted: 0, wipe: 0.5, mode: "wipe", matte: false, tracks: false, stops: 0, playing: false };

function bytes(text) {
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);  // a call for each of 20 million is slow
  return out;
}
const video = document.createElement("video");
video.muted = true; video.playsInline = true; video.preload = "auto"; video.loop = true;
video.src = URL.createObjectURL(new Blob([bytes(data.movie)], { type: "video/mp4" }));
data.movie = "";

const canvas = $("picture");
canvas.width = data.width; canvas.height = data.height;
$("stage").style.setProperty("--aspect", data.width / data.height);

// --- drawing -------------------------------------------------------------------------------------------
const FRAGMENT = `#version 300 es
precision highp float; precision highp sampler3D;
uniform sampler2D movie; uniform sampler3D view;
uniform float top, viewTop, toe, gain, wipe, edge, parts; uniform int mode; uniform bool matte;
in vec2 at; out vec4 colour;
vec3 code(int part) { return texture(movie, vec2(at.x, (at.y + float(part)) / parts)).rgb; }
vec3 shown(vec3 c) {
  vec3 light = (exp(c * log(1.0 + toe * top)) - 1.0) / toe * gain;
  vec3 place = log(1.0 + toe * clamp(light, 0.0, viewTop)) / log(1.0 + toe * viewTop);
  return texture(view, (place * (edge - 1.0) + 0.5) / edge).rgb;
}
void main() {
  vec3 before = shown(code(0)), after = shown(code(1));
  // outside the matte nothing changed: what differs there is the movie's own coding
  vec3 difference = abs(after - before) * 4.0 * step(0.02, code(2).r);
  vec3 c = mode == 0 ? (at.x < wipe ? before : after) : mode == 1 ? before : mode == 2 ? after : mode == 3 ? difference : code(mode - 1);
  if (matte) c = mix(c, vec3(1.0, 0.25, 0.15), 0.45 * code(2).r);
  colour = vec4(c, 1.0);
}`;
const VERTEX = `#version 300 es
in vec2 corner; out vec2 at;
void main() { at = vec2(corner.x, 1.0 - corner.y); gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0); }`;

function screen() {
  const gl = canvas.getContext("webgl2", { preserveDrawingBuffer: true });
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source); gl.compileShader(shader); gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
  const corner = gl.getAttribLocation(program, "corner");
  gl.enableVertexAttribArray(corner); gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
  const set = (name, value, whole) => gl[whole ? "uniform1i" : "uniform1f"](gl.getUniformLocation(program, name), value);
  const linear = (target) => {
    gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, gl.LINEAR); gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texParameteri(target, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE); gl.texParameteri(target, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  };
  gl.activeTexture(gl.TEXTURE1); gl.bindTexture(gl.TEXTURE_3D, gl.createTexture()); linear(gl.TEXTURE_3D);
  gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_WRAP_R, gl.CLAMP_TO_EDGE);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.texImage3D(gl.TEXTURE_3D, 0, gl.RGB8, data.edge, data.edge, data.edge, 0, gl.RGB, gl.UNSIGNED_BYTE, bytes(data.view));
  gl.activeTexture(gl.TEXTURE0); gl.bindTexture(gl.TEXTURE_2D, gl.createTexture()); linear(gl.TEXTURE_2D);
  set("movie", 0, true); set("view", 1, true); set("edge", data.edge);
  set("parts", parts); set("top", data.shaper.top); set("toe", data.shaper.toe); set("viewTop", data.shaper.view_top);
  return { draw() {
    gl.viewport(0, 0, canvas.width, canvas.height);
    if (video.readyState >= 2) gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, video);
    set("gain", 2 ** state.stops); set("wipe", state.wipe);
    set("mode", ["wipe", "before", "after", "difference", ...data.doubts].indexOf(state.mode), true); set("matte", state.matte ? 1 : 0, true);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  } };
}
function plainScreen() {
  const flat = canvas.getContext("2d");
  $("note").textContent = "This browser has no WebGL 2: colours are shown flat, without exposure, difference, matte and doubts.";
  return { draw() {
    const w = canvas.width, h = canvas.height, split = state.mode === "after" ? 0 : state.mode === "before" ? w : w * state.wipe;
    flat.drawImage(video, 0, h, w, h, 0, 0, w, h);
    if (split > 0) flat.drawImage(video, 0, 0, split, h, 0, 0, split, h);
  } };
}
const shown = screen() || plainScreen();

const overlay = document.createElementNS("http://www.w3.org/2000/svg", "svg");
overlay.setAttribute("style", "position:absolute;inset:0;width:100%;height:100%;background:none;pointer-events:none");
overlay.setAttribute("viewBox", `0 0 ${data.plate_width} ${data.plate_height}`);
overlay.setAttribute("preserveAspectRatio", "none");
overlay.setAttribute("aria-hidden", "true");
$("stage").insertBefore(overlay, $("handle"));

function draw() {
  shown.draw();
  const frame = frames[state.index];
  const words = [["Frame " + frame, true], [state.mode, true], ["matte", state.matte], [state.stops + " stops", state.stops !== 0]];
  const warned = data.warnings.filter((w) => w.frame === frame).map((w) => w.text);
  $("where").textContent = words.filter((p) => p[1]).map((p) => p[0]).concat(warned).join(" · ");
  $("scrub").value = state.index; $("scrub").setAttribute("aria-valuetext", "frame " + frame);
  $("handle").style.left = 100 * state.wipe + "%";
  $("handle").style.display = state.mode === "wipe" ? "" : "none";
  $("handle").setAttribute("aria-valuenow", Math.round(100 * state.wipe));
  overlay.replaceChildren();
  if (state.tracks) for (const box of data.tracks[frame] || []) {
    const mark = document.createElementNS(overlay.namespaceURI, "rect");
    for (const [k, v] of Object.entries(box)) mark.setAttribute(k, v);
    mark.setAttribute("style", "fill:none;stroke:#6fb1e0;stroke-width:2;vector-effect:non-scaling-stroke");
    overlay.append(mark);
  }
  for (const line of document.querySelectorAll(".cursor")) { line.setAttribute("x1", state.index); line.setAttribute("x2", state.index); }
}

// --- time ----------------------------------------------------------------------------------------------
const timeOf = (index) => (index + 0.5) / data.fps;
function show(index) {
  state.wanted = Math.min(count - 1, Math.max(0, index));
  if (!video.seeking) video.currentTime = timeOf(state.wanted);
}
video.addEventListener("seeked", () => {
  const index = Math.min(count - 1, Math.floor(video.currentTime * data.fps));
  if (!state.playing && index !== state.wanted) { video.currentTime = timeOf(state.wanted); return; }
  state.index = index; draw();
});
video.addEventListener("loadeddata", () => { document.body.dataset.ready = "yes"; show(0); draw(); });
function follow(_now, about) {
  state.index = state.wanted = Math.min(count - 1, Math.floor((about ? about.mediaTime : video.currentTime) * data.fps + 0.01));
  draw();
  if (state.playing) next();
}
const next = () => video.requestVideoFrameCallback ? video.requestVideoFrameCallback(follow) : requestAnimationFrame(() => follow());
function play(on) {
  $("where").setAttribute("aria-live", on ? "off" : "polite");  // a screen reader cannot read 24 frames a second
  state.playing = on; $("play").textContent = on ? "Pause" : "Play"; $("play").setAttribute("aria-pressed", on);
  if (on) { video.play(); next(); } else { video.pause(); show(state.index); }
}

// --- controls ------------------------------------------------------------------------------------------
function mode(name) { if (document.querySelector(`input[value=${name}]`).parentElement.hidden) return; state.mode = name; document.querySelector(`input[value=${name}]`).checked = true; draw(); }
function flag(name) { if ($(name).parentElement.hidden) return; state[name] = !state[name]; $(name).checked = state[name]; draw(); }
function exposure(stops) {
  state.stops = Math.min(6, Math.max(-6, stops)); $("exposure").value = state.stops; $("stops").textContent = state.stops;
  $("exposure").setAttribute("aria-valuetext", state.stops + " stops"); draw();
}
const step = (by) => { if (state.playing) play(false); show(state.wanted + by); };
$("scrub").max = count - 1;
$("scrub").addEventListener("input", (e) => { if (state.playing) play(false); show(Number(e.target.value)); });
$("play").addEventListener("click", () => play(!state.playing));
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
const has = (name, box) => { box.parentElement.hidden = false; document.querySelector(`[data-for=${name}]`).hidden = false; };
for (const name of data.doubts) has(name, document.querySelector(`input[value=${name}]`));
if (Object.keys(data.tracks).length) has("tracks", $("tracks"));
for (const box of document.querySelectorAll("input[name=mode]")) box.addEventListener("change", () => mode(box.value));
$("matte").addEventListener("change", () => { state.matte = $("matte").checked; draw(); });
$("tracks").addEventListener("change", () => { state.tracks = $("tracks").checked; draw(); });
$("exposure").addEventListener("input", (e) => exposure(Number(e.target.value)));
const wipeTo = (share) => { state.wipe = Math.min(1, Math.max(0, share)); draw(); };
const pointed = (e) => { const box = canvas.getBoundingClientRect(); wipeTo((e.clientX - box.left) / box.width); };
for (const part of [$("handle"), canvas]) {
  part.addEventListener("pointerdown", (e) => { part.setPointerCapture(e.pointerId); if (state.mode === "wipe") pointed(e); });
  part.addEventListener("pointermove", (e) => { if (e.buttons && state.mode === "wipe") pointed(e); });
}
$("handle").addEventListener("keydown", (e) => {
  const by = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[e.key];
  if (by) { wipeTo(state.wipe + by); e.preventDefault(); e.stopPropagation(); }
});
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  // what an element does with a key is its own: a slider moves, a box is ticked, a text scrolls
  const own = { range: /^(Arrow|Home|End|Page)/, checkbox: /^ $/, radio: /^( $|Arrow)/ }[e.target.type] || { SUMMARY: /^ $/, BUTTON: /^ $/, PRE: /^Arrow/, DIV: /^Arrow/ }[e.target.tagName];
  if (own && own.test(e.key)) return;
  const does = { " ": () => play(!state.playing), ArrowLeft: () => step(-1), ArrowRight: () => step(1), Home: () => show(0),
    End: () => show(count - 1), b: () => mode("before"), a: () => mode("after"), w: () => mode("wipe"), d: () => mode("difference"), i: () => mode("invention"), s: () => mode("spread"),
    m: () => flag("matte"), t: () => flag("tracks"), "-": () => exposure(state.stops - 0.5), "+": () => exposure(state.stops + 0.5),
    "=": () => exposure(state.stops + 0.5) }[e.key];
  if (does) { does(); e.preventDefault(); }
});

// --- words and figures ---------------------------------------------------------------------------------
function cell(row, text, kind = "td") { const one = document.createElement(kind); one.textContent = text; row.append(one); }
function plot(title, series, unit = "code values", digits = 2) {
  const figure = document.createElement("figure"), caption = document.createElement("figcaption");
  const values = series.flatMap((s) => s.values).filter((v) => v !== null);
  if (!values.length) return;
  const most = unit ? values.reduce((a, b) => Math.max(a, b)) * 1.08 || 1 : 1;
  const svg = document.createElementNS(overlay.namespaceURI, "svg");
  svg.setAttribute("viewBox", `0 0 ${Math.max(1, count - 1)} 1`); svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const mean = (v) => { const known = v.filter((x) => x !== null); return known.reduce((a, b) => a + b, 0) / known.length; };
  const words = series.map((s) => `${s.name} ${mean(s.values).toFixed(digits)} on average`).join(", ");
  svg.setAttribute("aria-label", `${title}: ${words}`);
  for (const s of series) {
    let line = "", pen = "M";
    s.values.forEach((v, i) => { if (v === null) { pen = "M"; return; } line += `${pen}${i} ${1 - v / most}${pen === "M" ? "h0" : ""}`; pen = "L"; });  // h0: a lone value is a dot
    const path = document.createElementNS(overlay.namespaceURI, "path");
    path.setAttribute("d", line); path.setAttribute("class", s.colour); svg.append(path);
  }
  const cursor = document.createElementNS(overlay.namespaceURI, "line");
  for (const [k, v] of Object.entries({ class: "cursor", x1: 0, x2: 0, y1: 0, y2: 1 })) cursor.setAttribute(k, v);
  svg.append(cursor);
  svg.addEventListener("click", (e) => { const box = svg.getBoundingClientRect(); show(Math.round((e.clientX - box.left) / box.width * (count - 1))); });
  caption.append(title + ": ");
  series.forEach((s, i) => { const mark = document.createElement("span"); mark.className = s.colour; mark.textContent = (i ? ", " : "") + `${s.name} (${mean(s.values).toFixed(digits)})`; caption.append(mark); });
  caption.append(` · 0 to ${most.toFixed(1)} ${unit}`);
  figure.append(caption, svg); $("plots").append(figure);
}
plot("Mean change under the matte", [{ name: "change", values: data.changed, colour: "two" }]);
plot("Flicker, frame to frame under the matte", [{ name: "before", values: data.flicker_before, colour: "one" }, { name: "after", values: data.flicker_after, colour: "two" }]);
const colours = ["one", "two"], named = Object.entries(data.identity);
for (const name of data.doubts) plot(name === "spread" ? "Spread of the seeds under the matte" : "Invention under the matte", [{ name, values: data.doubt[name], colour: "two" }]);
plot("Likeness of each face to its reference", named.map(([face, values], i) => ({ name: "face " + face, values, colour: colours[i % 2] })), "", 3);
const columns = [["frame", frames], ["change", data.changed], ["flicker before", data.flicker_before], ["flicker after", data.flicker_after],
  ...data.doubts.map((name) => [name, data.doubt[name]]), ...named.map(([face, values]) => ["identity of face " + face, values])];
$("table").closest("details").addEventListener("toggle", () => {  // thousands of cells are made when they are asked for
  if ($("table").rows.length) return;
  const head = $("table").insertRow(); columns.forEach(([title]) => cell(head, title, "th"));
  frames.forEach((_, i) => { const row = $("table").insertRow(); columns.forEach(([, values]) => cell(row, values[i] === null ? "" : values[i])); });
});
for (const [name, value] of Object.entries(data.provenance)) { const row = $("provenance").insertRow(); cell(row, name, "th"); cell(row, value); }
$("display").textContent = data.display;
$("command").textContent = data.command || "The page was made from files alone; the job's command is not known.";
$("command-note").textContent = data.command_note;
if (data.warnings.length) {
  const title = document.createElement("h2"), list = document.createElement("ul");
  title.textContent = "Warnings"; $("warnings").append(title, list);
  for (const warning of data.warnings) {
    const item = document.createElement("li"), at = frames.indexOf(warning.frame);
    if (at >= 0) { const go = document.createElement("button"); go.textContent = "Frame " + warning.frame; go.addEventListener("click", () => show(at)); item.append(go, " "); }
    item.append(warning.text); list.append(item);
  }
}
