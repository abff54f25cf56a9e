// Plays a story: one step at a time, by keys, clicker, clicks or by itself. Needs nothing from
// anywhere: the story lies in this page as JSON, Vega is part of it.
"use strict";
(() => {
  const story = JSON.parse(document.getElementById("story").textContent);
  const steps = story.steps;
  const root = document.documentElement;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const by = (id) => document.getElementById(id);
  const state = { at: 0, auto: 0, playing: 0, notes: null, began: 0 };
  const sections = [];

  function make(tag, kind, text) {
    const out = document.createElement(tag);
    if (kind) out.className = kind;
    if (text !== undefined) out.textContent = text;
    return out;
  }
  function button(text, kind, act) {
    const out = make("button", kind, text);
    out.type = "button";
    out.addEventListener("click", act);
    return out;
  }

  // -- building ---------------------------------------------------------------------------------
  function paragraph(runs) {
    const out = make("p");
    for (const [text, figure] of runs) out.append(figure ? make("b", "", text) : text);
    return out;
  }
  function quotation(q) {
    const out = make("figure", q.sign === "\u2717" ? "quote bad" : "quote");
    out.style.display = "block";
    const words = make("blockquote", q.text.length > 130 ? "long" : "", q.text);
    out.append(make("header", "", q.heading), words);
    if (q.judged) out.append(make("footer", "", `${q.sign} ${q.judged}`));
    return out;
  }
  function talk(quotations) {
    const out = make("div", "talk");
    for (const q of quotations) {
      const one = quotation(q);
      if ("\u2713\u2717".includes(q.sign)) {
        const sign = make("span", "sign", q.sign);
        sign.title = q.judged;
        sign.setAttribute("aria-label", q.judged);
        one.querySelector("header").prepend(sign);
      }
      out.append(one);
    }
    return out;
  }
  function said(step) {
    const out = make("div", "say");
    out.append(make("h1", "", step.title), ...step.text.map(paragraph));
    if (step.show.kind === "talk map" && step.show.quotations.length)
      out.append(talk(step.show.quotations));
    return out;
  }
  function quotes(show) {
    const out = make("div", "quotes");
    out.append(make("p", "asked", show.asked), ...show.quotations.map(quotation));
    out.append(make("p", "quiet", show.caption));
    return out;
  }
  function figure(step, n) {
    const show = step.show;
    const out = make("figure");
    const chart = make("div", "chart");
    chart.setAttribute("role", "img");
    chart.setAttribute("aria-label", show.alt);
    chart.append(make("div"));
    out.append(chart);
    if (show.steps.length > 1) out.append(scrub(show, n));
    out.append(make("figcaption", "", show.caption));
    return out;
  }
  function scrub(show, n) {
    const out = make("div", "scrub");
    const last = show.steps.length - 1;
    const slider = make("input");
    Object.assign(slider, { type: "range", min: 0, max: last, step: 0.05, value: show.at });
    slider.setAttribute("aria-label", "Training step");
    slider.addEventListener("input", () => {
      stopPlay();
      moved(n, Number(slider.value));
    });
    const word = make("span", "now");
    out.append(button("Play", "play", () => play(n)), slider, word);
    return out;
  }
  function ask(step, n) {
    const out = make("div", "ask");
    out.append(make("p", "kicker", "What do you expect?"), make("h1", "", step.ask));
    const list = make("ul", "options");
    step.options.forEach((o, k) => {
      const one = button("", "", () => answer(n, k));
      one.append(make("kbd", "", String(k + 1)), o.say);
      const item = make("li");
      item.append(one);
      list.append(item);
    });
    out.append(list, make("p", "quiet", "Choose one, by a click or its number. Next shows what happened."));
    return out;
  }
  function section(step, n) {
    const out = make("section", `step ${step.show.kind === "words" ? "words" : ""}`);
    out.setAttribute("aria-roledescription", "step");
    out.setAttribute("aria-label", `Step ${n + 1} of ${steps.length}`);
    if (step.show.steps.length > 1) out.classList.add("course");
    if (step.show.kind === "talk map" && step.show.quotations.length) out.classList.add("quoted");
    const parts = [said(step)];
    if (step.show.spec) parts.push(figure(step, n));
    else if (step.show.kind === "answers") parts.push(quotes(step.show));
    out.append(...parts);
    if (step.options.length) {
      out.append(ask(step, n));
      parts.forEach((p) => (p.hidden = true));
    }
    out.hidden = true;
    return out;
  }

  // -- figures ----------------------------------------------------------------------------------
  async function draw(n) {
    const step = steps[n];
    const place = sections[n].querySelector(".chart > div");
    const theme = root.dataset.theme;
    if (!place || place.dataset.drawn === theme) return;
    place.dataset.drawn = theme;
    const spec = JSON.parse(JSON.stringify(step.show.spec[theme]));
    spec.datasets = Object.fromEntries(spec.datasets.map((name) => [name, story.datasets[name]]));
    const options = { mode: "vega-lite", renderer: "svg", actions: false, tooltip: { disableDefaultStyle: false } };
    if (place.view) place.view.finalize();
    place.replaceChildren();
    const done = await vegaEmbed(place, spec, options);
    place.view = done.view;
    const slider = sections[n].querySelector(".scrub input");
    if (slider) moved(n, Number(slider.value));
  }
  function moved(n, value) {
    const place = sections[n].querySelector(".chart > div");
    const slider = sections[n].querySelector(".scrub input");
    const show = steps[n].show;
    const low = show.steps[Math.floor(value)];
    const high = show.steps[Math.ceil(value)];
    slider.value = value;
    const words = low === high ? `step ${low}` : `${low} to ${high}`;
    slider.setAttribute("aria-valuetext", words);
    sections[n].querySelector(".now").textContent = words;
    if (place.view) place.view.signal("step_shown", value).runAsync();
  }
  function stopPlay() {
    cancelAnimationFrame(state.playing);
    state.playing = 0;
    document.querySelectorAll(".scrub .play").forEach((b) => (b.textContent = "Play"));
  }
  // Goes along the slider, resting a little at each saved step.
  function play(n) {
    if (state.playing) return stopPlay();
    const slider = sections[n].querySelector(".scrub input");
    if (!slider) return;
    const last = steps[n].show.steps.length - 1;
    const from = Number(slider.value) >= last ? 0 : Number(slider.value);
    const began = performance.now();
    sections[n].querySelector(".play").textContent = "Pause";
    const GO = 1100, REST = 500;
    const frame = (now) => {
      const t = from + (now - began) / (GO + REST);
      const whole = Math.floor(t);
      const part = Math.min(1, ((t - whole) * (GO + REST)) / GO);
      const value = Math.min(last, whole + (calm.matches ? (part < 1 ? 0 : 1) : part));
      moved(n, value);
      if (value >= last) return stopPlay();
      state.playing = requestAnimationFrame(frame);
    };
    state.playing = requestAnimationFrame(frame);
  }

  // -- moving -----------------------------------------------------------------------------------
  const asking = (n) => Boolean(steps[n].options.length) && !sections[n].dataset.answered;

  function reveal(n, chosen) {
    const step = steps[n];
    const own = sections[n];
    own.dataset.answered = "yes";
    own.querySelector(".ask").hidden = true;
    own.querySelectorAll(":scope > [hidden]:not(.ask)").forEach((p) => (p.hidden = false));
    const list = make("ul", "guess");
    const line = (who, what) => {
      const item = make("li");
      item.append(make("span", "", `${who} `), what);
      list.append(item);
    };
    if (chosen !== null) line("You said:", step.options[chosen].say);
    const right = step.options.find((o) => o.right);
    if (right) line("It is:", `${right.say}${chosen !== null && step.options[chosen].right ? " \u2713" : ""}`);
    if (list.children.length) own.querySelector(".say").append(list);
    draw(n);
    tellNotes();
  }
  // On a page whoever chose a story with its picker keeps the focus there.
  function heldOutside() {
    try {
      const has = parent !== self && parent.document.activeElement;
      return Boolean(has) && has !== parent.document.body && has.tagName !== "IFRAME";
    } catch { return false; }
  }
  function answer(n, k) {
    if (!asking(n) || k >= steps[n].options.length) return;
    reveal(n, k);
    by("stage").focus();
    wait();
  }
  function go(n) {
    n = Math.max(0, Math.min(steps.length - 1, n));
    stopPlay();
    sections.forEach((s, k) => (s.hidden = k !== n));
    state.at = n;
    document.querySelectorAll(".dots button").forEach((d, k) => {
      d.classList.toggle("past", k < n);
      if (k === n) d.setAttribute("aria-current", "step");
      else d.removeAttribute("aria-current");
    });
    by("count").textContent = `${n + 1} / ${steps.length}`;
    by("back").disabled = n === 0;
    by("next").disabled = n === steps.length - 1 && !asking(n);
    by("heard").textContent = `Step ${n + 1} of ${steps.length}: ${asking(n) ? steps[n].ask : steps[n].title}`;
    if (!asking(n)) draw(n);
    if (n + 1 < steps.length) setTimeout(() => draw(n + 1), 400);
    if (location.protocol === "file:") history.replaceState(null, "", `#${n + 1}`);
    tellNotes();
    wait();
  }
  function next() {
    if (asking(state.at)) {
      reveal(state.at, null);
      by("next").disabled = state.at === steps.length - 1;
      return wait();
    }
    if (state.at < steps.length - 1) go(state.at + 1);
  }
  const back = () => go(state.at - 1);

  // -- by itself --------------------------------------------------------------------------------
  function wait() {
    clearTimeout(state.auto);
    if (by("auto").getAttribute("aria-pressed") !== "true") return;
    if (state.at === steps.length - 1 && !asking(state.at)) return auto(false);
    const step = steps[state.at];
    if (step.show.steps.length > 1) play(state.at);
    state.auto = setTimeout(next, 1000 * step.seconds * (asking(state.at) ? 0.5 : 1));
  }
  function auto(on) {
    by("auto").setAttribute("aria-pressed", String(on));
    wait();
  }

  // -- the rest ---------------------------------------------------------------------------------
  function theme(name) {
    root.dataset.theme = name;
    if (!asking(state.at)) draw(state.at);
    tellNotes();
  }
  function full() {
    const done = document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen();
    done.catch(() => note("This browser does not let a page fill the screen here."));
  }
  function note(text) {
    const own = make("div", "note quiet", text);
    own.setAttribute("role", "status");
    document.body.append(own);
    setTimeout(() => own.remove(), 6000);
  }
  function blank() {
    const own = document.querySelector(".blank");
    if (own) own.remove();
    else document.body.append(make("div", "blank"));
  }

  // Speaker's notes in a window of their own, which this page fills.
  function notes() {
    if (state.notes && !state.notes.closed) return state.notes.focus();
    state.notes = window.open("", "story-notes", "width=900,height=700");
    if (!state.notes) return note("The browser blocked the window of notes: allow pop-ups for this page.");
    const d = state.notes.document;
    d.documentElement.lang = "en";
    d.title = `Notes: ${story.title}`;
    const sheet = d.createElement("style");
    sheet.textContent = story.notesSheet;
    d.head.replaceChildren(sheet);
    d.body.replaceChildren();
    d.addEventListener("keydown", keyed);
    state.began = state.began || Date.now();
    state.notes.setInterval(clock, 1000);
    tellNotes();
  }
  function clock() {
    const at = state.notes && !state.notes.closed && state.notes.document.getElementById("clock");
    if (!at) return;
    const gone = Math.floor((Date.now() - state.began) / 1000);
    const two = (n) => String(n).padStart(2, "0");
    at.textContent = `${Math.floor(gone / 60)}:${two(gone % 60)}`;
  }
  function tellNotes() {
    if (!state.notes || state.notes.closed) return;
    const d = state.notes.document;
    const step = steps[state.at];
    for (const [k, v] of Object.entries(story.themes[root.dataset.theme])) d.documentElement.style.setProperty(`--${k}`, v);
    const head = make("p", "small", `Step ${state.at + 1} of ${steps.length}  \u00b7  `);
    const time = make("span");
    time.id = "clock";
    head.append(time);
    const parts = [head, make("h1", "", step.title)];
    if (asking(state.at)) parts.push(make("p", "small", `The room sees the question: ${step.ask}`));
    parts.push(...(step.notes.length ? step.notes : ["No notes for this step."]).map((p) => make("p", "", p)));
    const after = steps[state.at + 1];
    parts.push(make("p", "next", after ? `Next: ${after.options.length ? after.ask : after.title}` : "This is the last step."));
    const foot = make("p");
    foot.append(button("Back", "", back), button("Next", "", next));
    parts.push(foot);
    d.body.replaceChildren(...parts.map((p) => d.adoptNode(p)));
    clock();
  }

  // -- keys -------------------------------------------------------------------------------------
  const KEYS = {
    ArrowRight: next, PageDown: next, " ": next, Enter: next,
    ArrowLeft: back, PageUp: back, Backspace: back,
    Home: () => go(0), End: () => go(steps.length - 1),
    ArrowUp: () => nudge(1), ArrowDown: () => nudge(-1),
    p: () => play(state.at), f: full, n: notes, a: () => auto(by("auto").getAttribute("aria-pressed") !== "true"),
    t: () => theme(root.dataset.theme === "dark" ? "light" : "dark"), b: blank, ".": blank,
  };
  function nudge(way) {
    const slider = sections[state.at].querySelector(".scrub input");
    if (!slider || asking(state.at)) return;
    stopPlay();
    const now = Number(slider.value);
    const value = way > 0 ? Math.floor(now + 1.001) : Math.ceil(now - 1.001);
    moved(state.at, Math.max(0, Math.min(Number(slider.max), value)));
  }
  function keyed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const on = event.target;
    // What has the focus keeps the keys that work it.
    if (on.tagName === "BUTTON" && (key === " " || key === "Enter")) return;
    if (on.tagName === "INPUT" && key.startsWith("Arrow")) return;
    const digit = Number(key);
    if (digit >= 1 && digit <= 9) return answer(state.at, digit - 1);
    const act = KEYS[key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  // -- the stage --------------------------------------------------------------------------------
  const saved = Number(location.protocol === "file:" ? location.hash.slice(1) : 0);
  if (root.dataset.theme === "auto")
    root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  steps.forEach((step, n) => {
    sections.push(section(step, n));
    const dot = button("", "", () => go(n));
    dot.setAttribute("aria-label", `Step ${n + 1}`);
    by("dots").append(dot);
  });
  by("steps").append(...sections);
  const act = { back, next, notes, full, auto: KEYS.a, theme: KEYS.t };
  for (const [id, does] of Object.entries(act)) by(id).addEventListener("click", does);
  document.addEventListener("keydown", keyed);
  addEventListener("pagehide", () => state.notes && state.notes.close());
  go(saved >= 1 && saved <= steps.length ? saved - 1 : 0);
  if (!heldOutside()) {
    by("stage").focus();
    window.focus();
  }
})();
