"use strict";
// Asks for status.json every other second while the page is seen, and changes in place what changed: what has the
// focus keeps it, and a screen reader hears the summary only when its words change.
const $ = (id) => document.getElementById(id);
const EVERY_MS = 2000, GIB = 2 ** 30;
let stopped = false;

const text = (node, words) => { if (node.textContent !== words) node.textContent = words; };
const gib = (bytes) => (bytes / GIB).toFixed(bytes < 10 * GIB ? 1 : 0) + " GiB";
const clock = (seconds) => new Date(seconds * 1000).toLocaleString();
const name = (path) => path.split(/[\\/]/).pop();
function duration(seconds) {
  if (seconds < 90) return Math.max(1, Math.round(seconds)) + " s";
  return seconds < 5400 ? Math.round(seconds / 60) + " min" : (seconds / 3600).toFixed(1) + " h";
}
function part(parent, kind, className) {
  const found = parent.querySelector("." + className);
  if (found) return found;
  const made = document.createElement(kind);
  made.className = className; parent.append(made);
  return made;
}
// One element for each key, in the order of the keys; elements that stay are not touched.
function keyed(list, keys, kind) {
  const there = new Map(Array.from(list.children, (one) => [one.dataset.key, one]));
  keys.forEach((key, at) => {
    let one = there.get(key);
    if (!one) { one = document.createElement(kind); one.dataset.key = key; }
    there.delete(key);
    if (list.children[at] !== one) list.insertBefore(one, list.children[at] || null);
  });
  for (const gone of there.values()) gone.remove();
  return Array.from(list.children);
}

function running(jobs) {
  $("no-running").hidden = jobs.length > 0;
  keyed($("running"), jobs.map((job) => job.job), "li").forEach((item, at) => {
    const job = jobs[at];
    item.classList.add("job");
    const shot = part(item, "div", "shot"), words = part(item, "div", "words");
    if (job.picture) {
      const image = part(shot, "img", "picture"), source = `thumbnail/${job.job}?made=${job.picture.made}`;
      if (image.getAttribute("src") !== source) image.setAttribute("src", source);
      image.alt = `Frame ${job.picture.frame} of ${name(job.output)}, restored`;
      for (const child of Array.from(shot.childNodes)) if (child !== image) child.remove();
    } else text(shot, "No frame is written yet.");
    text(part(words, "h3", "title"), `${name(job.plate)}, ${job.frames}`);
    const bar = part(words, "progress", "bar"), share = job.overall;
    bar.max = 1; bar.setAttribute("aria-label", `Progress of ${name(job.plate)}`);
    if (share === null) bar.removeAttribute("value"); else bar.value = share;
    const facts = [share === null ? "starting" : Math.floor(100 * share) + " %"];
    if (job.state !== "running") facts.push(job.state);
    if (job.stage) facts.push(`${job.stage}, ${job.done} of ${job.total}`);
    if (job.frames_a_minute !== null) facts.push(`${job.frames_a_minute.toFixed(1)} frames a minute`);
    if (job.seconds_left !== null) facts.push(`about ${duration(job.seconds_left)} left`);
    if (job.attempts > 1) facts.push(`attempt ${job.attempts}`);
    text(part(words, "p", "facts"), facts.join(" · "));
    text(part(words, "p", "quiet"), `${job.count} frames to ${job.output} · job ${job.job}`);
  });
}
function waiting(jobs) {
  $("queue").parentElement.hidden = !jobs.length; $("no-queue").hidden = jobs.length > 0;
  keyed($("queue").tBodies[0], jobs.map((job) => job.job), "tr").forEach((row, at) => {
    const job = jobs[at], cells = [at + 1, job.plate, job.frames, job.priority, clock(job.created)];
    cells.forEach((words, n) => text(row.cells[n] || row.insertCell(), String(words)));
  });
}
function machine(seen) {
  const lines = [];
  if (seen.server) lines.push(["Devices", seen.server.devices.join(", ")], ["Process", String(seen.server.pid)]);
  const about = seen.machine;
  if (about) {
    const own = about.memory.server === null ? "" : `, the server holds ${gib(about.memory.server)}`;
    lines.push(["Memory", `${gib(about.memory.available)} of ${gib(about.memory.total)} free${own}`]);
    for (const gpu of about.gpus) {
      const busy = gpu.busy_percent === null ? "" : `, ${gpu.busy_percent} % busy`;
      lines.push([gpu.name, `${gib(gpu.used)} of ${gib(gpu.total)} used${busy}`]);
    }
    for (const disk of about.disks) lines.push(["Disk", `${gib(disk.free)} of ${gib(disk.total)} free at ${disk.folder}`]);
  }
  keyed($("machine"), lines.flatMap((_, at) => [`t${at}`, `d${at}`]), "dd").forEach((one, at) => {
    const [title, words] = lines[at >> 1], wanted = at % 2 ? "DD" : "DT";
    if (one.tagName !== wanted) {
      const right = document.createElement(wanted);
      right.dataset.key = one.dataset.key; one.replaceWith(right); one = right;
    }
    text(one, at % 2 ? words : title);
  });
}
function faults(found) {
  $("no-faults").hidden = found.length > 0;
  keyed($("faults"), found.map((fault) => fault.job), "li").forEach((item, at) => {
    const fault = found[at], more = fault.more ? ` (and ${fault.more} more)` : "";
    item.classList.add("fault");
    text(part(item, "h3", "title"), `${name(fault.plate)}, ${clock(fault.at)}`);
    text(part(item, "strong", "message"), fault.message + more);
    const where = [fault.frame === null ? "" : `frame ${fault.frame}`, fault.path || ""].filter(Boolean).join(", ");
    text(part(item, "p", "quiet"), [where, fault.code, `job ${fault.job}`].filter(Boolean).join(" · "));
    text(part(item, "p", "remedy"), fault.remedy ? "To do: " + fault.remedy : "");
  });
}
function show(seen) {
  const error = seen.error;
  $("lost").hidden = !error;
  if (error) text($("lost"), [error.message, error.remedy].filter(Boolean).join(" "));
  const server = seen.server;
  const queue = { paused: ", the queue is paused", draining: ", ends with its last running job" }[server && server.queue] || "";
  text($("summary"), server ? `${server.running} running, ${server.queued} waiting${queue}` : error ? "The server does not answer." : "Asking the server…");
  if (seen.at) text($("when"), "as of " + new Date(seen.at * 1000).toLocaleTimeString());
  running(seen.jobs.filter((job) => job.state !== "queued"));
  waiting(seen.jobs.filter((job) => job.state === "queued"));
  machine(seen); faults(seen.faults);
  document.body.dataset.ready = "yes";
}
async function look() {
  if (!stopped && !document.hidden) {
    try {
      const answer = await fetch("status.json", { cache: "no-store" });
      if (!answer.ok) throw new Error(await answer.text());
      show(await answer.json());
    } catch (problem) {
      $("lost").hidden = false;
      text($("lost"), "This page's own program does not answer: run svfr status --web again.");
    }
  }
  setTimeout(look, EVERY_MS);
}
$("pause").addEventListener("click", () => {
  stopped = !stopped; $("pause").setAttribute("aria-pressed", stopped);
  text($("pause"), stopped ? "Update again" : "Stop updates");
});
look();
