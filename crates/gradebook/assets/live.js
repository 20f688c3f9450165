// Keeps a page up to date. Without this module a page is complete, and stands still.
//
// Two sources: the event stream of the page's own resource, whose figures are put in place at once
// (in one go per frame, however many events came); and the page itself, read anew at most once a
// second after a change, for what an event does not tell: the charts, the medians, the order.
//
// Nothing moves under the reader's eyes: figures change where they stand, a new row enters where it
// belongs when the whole list is on the page, and a changed order waits for a click.

/** At least so long between two readings of the page, in milliseconds. */
const READ_EVERY_MS = 1_000;
/** A reading may take this share of the time; a slow page is read less often. */
const READ_SHARE = 0.2;
/** Waits before connecting again, in milliseconds; the last one repeats. */
const RETRY_MS = [300, 1_000, 2_000, 4_000, 8_000];
/** The server sends something every 15 seconds; after so much silence the connection is dead. */
const SILENCE_MS = 25_000;
/** A page that nobody has seen for so long lets go of its connection, in milliseconds. */
const UNSEEN_MS = 30_000;
/** The longest line of an event stream, in characters. */
const LINE_MAX = 1 << 20;

const main = document.querySelector("main");
const banner = document.querySelector("#connection");

// ---- What is on screen ------------------------------------------------------------------------

const rows = new Map();
let table;

function findRows() {
  table = document.querySelector("table[data-live] tbody[data-rows]");
  rows.clear();
  for (const row of table?.rows ?? []) rows.set(row.dataset.key, row);
}

function setText(element, text) {
  if (element.textContent === text) return false;
  element.textContent = text;
  return true;
}

const share = (value) => value.toFixed(3);
const count = (value) => value.toLocaleString("en");
const two = (value) => String(value).padStart(2, "0");

/** Today's instants are told by the clock, others by the day too. */
function localTime(instant) {
  const at = new Date(instant);
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (at.toDateString() === new Date().toDateString()) return clock;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock}`;
}

function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const instant = time.getAttribute("datetime");
    if (time.dataset.told === instant) continue;
    time.dataset.told = instant;
    time.title = instant;
    setText(time, localTime(instant));
  }
}

function freshen(cell) {
  if (cell.dataset.fresh !== undefined) return;
  cell.dataset.fresh = "";
  cell.addEventListener("animationend", () => delete cell.dataset.fresh, { once: true });
}

/** Writes what an event tells into the cells of a row. */
function setRow(row, told) {
  for (const cell of row.querySelectorAll("[data-cell]")) {
    const value = told[cell.dataset.cell];
    if (value === undefined) continue;
    switch (cell.dataset.cell) {
      case "score":
      case "averageScore": {
        const shown = cell.querySelector("data");
        if (Number(shown.value) === value) break;
        shown.value = String(value);
        if (setText(shown, share(value))) freshen(cell);
        break;
      }
      case "resultCount":
        setText(cell, count(value));
        break;
      case "attempts":
        setText(cell, value > 1 ? String(value) : "");
        break;
      default: {
        const time = cell.querySelector("time");
        time.setAttribute("datetime", value);
        localize(cell);
      }
    }
  }
}

// ---- What events tell, once per frame ---------------------------------------------------------

let figures;
const changed = new Map();
let startOver = false;
let frame = 0;

function draw() {
  frame = 0;
  for (const [key, told] of changed) {
    const row = rows.get(key);
    if (row) setRow(row, told);
  }
  changed.clear();
  if (!figures) return;
  for (const field of document.querySelectorAll("[data-field]")) {
    const value = figures[field.dataset.field];
    if (typeof value !== "number") continue;
    if (field.dataset.field === "averageScore") {
      field.value = String(value);
      setText(field, share(value));
    } else {
      setText(field, count(value));
    }
  }
  figures = undefined;
}

function drawSoon() {
  if (!frame) frame = requestAnimationFrame(draw);
}

/** The key of a row that an event tells about: as the server writes it in `data-key`. */
function keyOf(item) {
  switch (table?.closest("table").dataset.live) {
    case "studentId": return item.studentId;
    case "exam": return String(item.exam);
    case "result": return `${item.exam} ${item.studentId}`;
    default: return undefined;
  }
}

function hear({ type, data }) {
  const told = data ? JSON.parse(data) : {};
  switch (type) {
    case "snapshot":
      figures = told;
      break;
    case "result":
    case "upsert": {
      if (told.averageScore !== undefined && told.result) figures = told;
      const item = told.result ?? told;
      const key = keyOf(item);
      // Only rows of this page: their number bounds what is kept between two frames.
      if (rows.has(key)) changed.set(key, { attempts: 1, ...item });
      readSoon();
      break;
    }
    case "removed":
    case "erased": {
      const key = told.studentId ?? told.exam;
      const row = key === undefined ? undefined : rows.get(String(key));
      row?.remove();
      rows.delete(String(key));
      readSoon();
      break;
    }
    case "reset":
      // What was missed cannot be told; perhaps somebody was erased. No row may stay for that.
      startOver = true;
      readSoon();
      break;
    default: // feed
      readSoon();
  }
  drawSoon();
}

// ---- The page, read anew ----------------------------------------------------------------------

let timer = 0;
let reading = false;
let wantedAgain = false;
let lastRead = performance.now();
let readTook = 0;

function readSoon() {
  if (reading) wantedAgain = true;
  if (reading || timer || document.hidden) return;
  const pause = Math.max(READ_EVERY_MS, readTook / READ_SHARE);
  timer = setTimeout(read, Math.max(0, lastRead + pause - performance.now()));
}

async function read() {
  timer = 0;
  reading = true;
  const began = performance.now();
  try {
    const response = await fetch(location.href, {
      headers: { Accept: "text/html" },
      cache: "no-cache",
      signal: AbortSignal.timeout(10_000),
    });
    const html = await response.text();
    if (response.ok || response.status === 404) {
      update(new DOMParser().parseFromString(html, "text/html"), response.ok);
    } else if (response.status === 401) {
      location.reload();
    }
  } catch {
    // The stream tells whether the server can be reached.
  }
  lastRead = performance.now();
  readTook = lastRead - began;
  reading = false;
  if (wantedAgain) {
    wantedAgain = false;
    readSoon();
  }
}

function update(page, found) {
  localize(page);
  if (!found) {
    main.replaceChildren(...page.querySelector("main").childNodes);
    document.title = page.title;
    findRows();
    return;
  }
  for (const part of document.querySelectorAll("[data-part]")) {
    const news = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!news) continue;
    // A list that moves by nature stands still while somebody is about to use it.
    if (part.dataset.moves !== undefined && part.matches(":hover, :focus-within")) continue;
    morph(part, news);
  }
  const news = page.querySelector("tbody[data-rows]");
  if (table && news) reconcile(news);
}

/** Makes `old` like `news`, keeping every element that stays. */
function morph(old, news) {
  for (const { name } of [...old.attributes]) {
    if (!news.hasAttribute(name) && name !== "data-fresh") old.removeAttribute(name);
  }
  for (const { name, value } of news.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const before = [...old.childNodes];
  const after = [...news.childNodes];
  after.forEach((node, index) => {
    const kept = before[index];
    if (!kept) {
      old.append(node);
    } else if (kept.nodeType !== node.nodeType || kept.nodeName !== node.nodeName) {
      kept.replaceWith(node);
    } else if (node.nodeType === Node.ELEMENT_NODE) {
      morph(kept, node);
    } else if (kept.data !== node.data) {
      kept.data = node.data;
    }
  });
  for (const gone of before.slice(after.length)) gone.remove();
}

/** Brings the rows of the table up to date without moving one of them. */
function reconcile(news) {
  const order = document.querySelector("[data-order]");
  const next = [...news.rows];
  if (startOver) {
    startOver = false;
    table.replaceChildren(...next);
    findRows();
    order.hidden = true;
    return;
  }
  const staying = next.filter((row) => rows.has(row.dataset.key));
  for (const row of staying) updateRow(rows.get(row.dataset.key), row);
  const whole = news.dataset.whole !== undefined && table.dataset.whole !== undefined;
  if (whole) {
    const there = new Set(next.map((row) => row.dataset.key));
    for (const [key, row] of rows) if (!there.has(key)) row.remove();
  }
  const shown = [...table.rows].map((row) => row.dataset.key);
  const kept = staying.map((row) => row.dataset.key);
  const inPlace = shown.length === kept.length && shown.every((key, at) => key === kept[at]);
  if (inPlace && (whole || next.length === shown.length || !shown.length)) {
    let at = table.firstElementChild;
    for (const row of next) {
      if (at?.dataset.key === row.dataset.key) {
        at = at.nextElementSibling;
      } else {
        table.insertBefore(row, at);
      }
    }
    findRows();
    order.hidden = true;
    if (next.length) document.querySelector(".empty")?.remove();
  } else {
    order.hidden = false;
  }
}

function updateRow(row, news) {
  const before = row.querySelector("[data-cell] data")?.value;
  morph(row, news.cloneNode(true));
  const shown = row.querySelector("[data-cell] data");
  if (shown && shown.value !== before) freshen(shown.parentElement);
}

// ---- The stream -------------------------------------------------------------------------------

let lastId = "";
let seen = Promise.resolve();
let abort;

/** The events of a response, one by one. */
async function* events(body) {
  let rest = "";
  let event = { type: "message", data: "" };
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    heard();
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    if (rest.length > LINE_MAX) throw new Error("line too long");
    for (const line of lines) {
      if (line === "" || line === "\r") {
        if (event.data || event.id) yield event;
        event = { type: "message", data: "" };
        continue;
      }
      const [, field, value] = /^([^:]*):? ?(.*?)\r?$/.exec(line) ?? [];
      if (field === "event") event.type = value;
      else if (field === "data") event.data += event.data ? `\n${value}` : value;
      else if (field === "id") event.id = value;
    }
  }
}

let watchdog = 0;

function heard() {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => abort?.abort(), SILENCE_MS);
}

async function listen(address) {
  abort = new AbortController();
  heard();
  const headers = { Accept: "text/event-stream" };
  if (lastId) headers["Last-Event-ID"] = lastId;
  const response = await fetch(address, { headers, cache: "no-store", signal: abort.signal });
  if (response.status === 401 || response.status === 404) {
    // The page says what is the matter. Whoever signs in reads on; what is not there may come.
    await response.body?.cancel();
    if (response.status === 401) gone = true;
    else absent = true;
    readSoon();
    return;
  }
  if (!response.ok) throw new Error(`status ${response.status}`);
  connected();
  for await (const event of events(response.body)) {
    // Some events only tell how far the stream has come.
    if (event.id) lastId = event.id;
    if (event.data) hear(event);
  }
}

let failures = 0;
let gone = false;
let absent = false;

function connected() {
  if (absent) location.reload();
  if (failures > 0) readSoon();
  if (banner.textContent) {
    banner.textContent = "Connected again.";
    setTimeout(() => {
      if (failures === 0) banner.textContent = "";
    }, 4_000);
  }
  failures = 0;
}

async function follow(address) {
  while (!gone) {
    await seen;
    try {
      await listen(address);
    } catch {
      // Whatever it was, the remedy is the same.
    }
    clearTimeout(watchdog);
    if (away || gone) continue;
    if (failures > 0 && !absent) {
      const lost = "The gradebook cannot be reached; trying again. What you see may be out of date.";
      setText(banner, lost);
    }
    const wait = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
    failures += 1;
    await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
  }
}

// Browsers allow few connections to one server: a page that nobody sees lets go of its own, and
// goes on from where it was when it is seen again.
let unseen = 0;
let resume = () => {};
let away = false;

function seenOrNot() {
  clearTimeout(unseen);
  if (!document.hidden) {
    away = false;
    resume();
    readSoon();
    return;
  }
  unseen = setTimeout(() => {
    away = true;
    seen = new Promise((resolve) => { resume = resolve; });
    abort?.abort();
  }, UNSEEN_MS);
}

// ---- Suggestions in the filter of an exam -----------------------------------------------------

let asked = 0;

function suggest({ target }) {
  if (!(target instanceof HTMLInputElement) || !target.dataset.suggest) return;
  clearTimeout(asked);
  asked = setTimeout(async () => {
    const exam = target.dataset.suggest;
    const text = target.value;
    if (!text) return;
    const question = new URLSearchParams({ q: text, exam, limit: "8", format: "json" });
    const response = await fetch(`/students?${question}`).catch(() => undefined);
    if (!response?.ok) return;
    const { students } = await response.json();
    if (target.value !== text) return;
    const options = students.map(({ studentId }) => new Option(studentId, studentId));
    target.list?.replaceChildren(...options);
  }, 200);
}

// ---- Begin ------------------------------------------------------------------------------------

localize(document);
findRows();
document.addEventListener("input", suggest);

const { stream, refresh } = main.dataset;
if (refresh) setInterval(readSoon, Number(refresh) * 1_000);
if (stream || refresh) document.addEventListener("visibilitychange", seenOrNot);
if (stream) {
  addEventListener("pagehide", () => abort?.abort());
  follow(stream);
}
