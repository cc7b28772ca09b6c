// Live parts of the console. Every page works without this file; nothing here makes HTML from data.
"use strict";

const RELOAD_MS = 400;      // events come in bursts: one reload for each burst
const RELOAD_GAP_MS = 3000; // and never more often than this
const QUIET_EVENTS = new Set(["DirectTrustChecked"]); // looking at trust emits these; reloading on them would never end

document.documentElement.classList.add("script");

// --- live parts: fetch the page again and exchange the parts marked data-live -------------------

let due = 0, last = 0;

function reloadSoon() {
  if (due) return;
  const wait = Math.max(RELOAD_MS, RELOAD_GAP_MS - (Date.now() - last));
  due = setTimeout(reload, wait);
}

async function reload() {
  due = 0;
  last = Date.now();
  const response = await fetch(location.href, { headers: { "X-Live": "1" } }).catch(() => null);
  if (!response || !response.ok) return;
  const next = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = next.getElementById(old.id);
    if (!fresh || old.innerHTML === fresh.innerHTML || old.contains(document.activeElement)) continue;
    const adopted = document.importNode(fresh, true);
    adopted.classList.add("fresh");
    old.replaceWith(adopted);
    prepare(adopted);
  }
}

function follow() {
  const parts = document.querySelectorAll("[data-live]");
  const all = document.querySelector("[data-live-all]");
  const state = document.getElementById("live");
  if (!parts.length || !window.EventSource) { state.textContent = ""; return; }
  const source = new EventSource("/api/v1/events");
  source.onopen = () => { state.textContent = "live"; };
  source.onerror = () => { state.textContent = "not connected; trying again"; };
  source.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (all || !QUIET_EVENTS.has(event.name)) reloadSoon();
  };
  addEventListener("pagehide", () => source.close());
}

// --- forms: the equal command while typing, progress while it runs -----------------------------

function fields(form, submitter) {
  const data = new URLSearchParams(new FormData(form));
  if (submitter && submitter.name) data.append(submitter.name, submitter.value);
  return data;
}

function showCommand(form) {
  const code = form.querySelector(".command code");
  let timer = 0;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const response = await fetch(form.dataset.command + "?" + fields(form)).catch(() => null);
      if (response && response.ok) code.textContent = await response.text();
    }, 150);
  });
}

async function submit(form, submitter) {
  const box = form.querySelector(".progress");
  const buttons = form.querySelectorAll("button");
  const data = fields(form, submitter);
  if (box) box.hidden = false;
  buttons.forEach((button) => { button.disabled = true; });
  try {
    const response = await fetch(form.action, {
      method: "POST",
      headers: { "Accept": "application/x-ndjson", "Content-Type": "application/x-www-form-urlencoded" },
      body: data.toString(),
    });
    const kind = response.headers.get("content-type") || "";
    if (!kind.startsWith("application/x-ndjson")) { location.assign(form.action + "?" + data); return; }
    for await (const message of lines(response.body)) {
      if (message.location) location.assign(message.location);
      else if (message.progress && box) showProgress(box, message.progress);
    }
  } catch (error) {
    if (box) box.lastElementChild.textContent = "the lab did not answer: " + error.message;
    buttons.forEach((button) => { button.disabled = false; });
  }
}

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) if (part) yield JSON.parse(part);
  }
}

function showProgress(box, step) {
  const bar = box.querySelector("progress");
  if (step.total) { bar.max = step.total; bar.value = step.done || 0; }
  box.lastElementChild.textContent = [step.phase, step.done, step.total ? "of " + step.total : ""].filter((x) => x !== undefined && x !== "").join(" ");
}

// --- the tree: children when asked for, arrow keys to walk ------------------------------------

async function toggle(button) {
  const item = button.closest("li");
  const open = button.getAttribute("aria-expanded") === "true";
  let list = item.querySelector(":scope > ul");
  if (!open && !list) {
    const response = await fetch(button.dataset.children).catch(() => null);
    if (!response || !response.ok) return;
    const part = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("ul");
    list = document.importNode(part, true);
    item.append(list);
    prepare(list);
  }
  if (list) list.hidden = open;
  button.setAttribute("aria-expanded", String(!open));
  button.textContent = open ? "▸" : "▾";
}

function walk(event) {
  const tree = event.currentTarget;
  const links = [...tree.querySelectorAll(".row a")].filter((link) => link.offsetParent !== null);
  const at = links.indexOf(document.activeElement);
  if (at < 0) return;
  const button = links[at].parentElement.querySelector("button");
  const open = button && button.getAttribute("aria-expanded") === "true";
  if (event.key === "ArrowDown") (links[at + 1] || links[at]).focus();
  else if (event.key === "ArrowUp") (links[at - 1] || links[at]).focus();
  else if (event.key === "Home") links[0].focus();
  else if (event.key === "End") links[links.length - 1].focus();
  else if (event.key === "ArrowRight" && button && !open) toggle(button);
  else if (event.key === "ArrowLeft" && button && open) toggle(button);
  else if (event.key === "ArrowLeft") {
    const above = links[at].closest("ul").closest("li");
    if (above) above.querySelector("a").focus();
  } else return;
  event.preventDefault();
}

// --- once for the page, again for every part exchanged ------------------------------------------

function each(root, selector, work) {
  if (root.matches && root.matches(selector)) work(root);
  root.querySelectorAll(selector).forEach(work);
}

function prepare(root) {
  each(root, "button[data-copy]", (button) => {
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  });
  each(root, "form[data-command]", showCommand);
  each(root, "form[data-action]", (form) => form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.formMethod === "get") return;
    event.preventDefault();
    submit(form, event.submitter);
  }));
  each(root, "button[data-children]", (button) => {
    button.hidden = false;
    button.addEventListener("click", () => toggle(button));
  });
  each(root, "ul.tree", (tree) => tree.addEventListener("keydown", walk));
  each(root, "select[data-submit]", (select) => select.addEventListener("change", () => select.form.requestSubmit()));
}

prepare(document);
follow();
