// What makes the pages live. Without it every flow works; what is live has a link to reload it.
"use strict";

const seconds = (moment) => new Date(moment).getTime() / 1000;

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const said = button.parentElement.querySelector("[role=status]");
    try {
      await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
      (said ?? button).textContent = "Copied.";
    } catch {
      (said ?? button).textContent = "Select it, and copy it by hand.";
      if (source.select) source.select();
    }
  });
}

// The code of a sign-in link stands behind the #, which no browser sends. It leaves the address, and so the history.
const code = document.querySelector("[data-code] input");
if (code && location.hash.length > 1) {
  const [secret, name] = location.hash.slice(1).split("&");
  code.value = secret;
  if (name) {
    const line = document.querySelector("[data-name-of-link]");
    try {
      line.querySelector("b").textContent = decodeURIComponent(name);
      line.hidden = false;
    } catch {} // it is no name, and the link does without
  }
  history.replaceState(null, "", location.pathname);
  document.getElementById("password").focus();
}

// Pages show times in the reader's zone from the next one on.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `connector-zone=${zone}; path=/console; max-age=31536000; secure; samesite=strict`;

// The search is one key away, wherever nobody is typing.
const find = document.querySelector("[data-find]");
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (!find || event.key !== "/" || isTyping || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  find.focus();
  find.select();
});

for (const menu of document.querySelectorAll("details.who")) {
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { menu.open = false; menu.querySelector("summary").focus(); }
  });
}

// A form that unfolds is filled from its first field, and folds again with Escape.
for (const act of document.querySelectorAll("details.act, details.ask")) {
  act.addEventListener("toggle", () => {
    if (act.open) act.querySelector("input:not([type=hidden]), select, textarea, button")?.focus();
  });
  act.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !act.open) return;
    act.open = false;
    act.querySelector("summary").focus();
  });
}

for (const line of document.querySelectorAll("[data-countdown]:not([data-still])")) {
  // By the server's clock: this one's may be wrong.
  const end = performance.now() / 1000 + seconds(line.dataset.countdown) - seconds(line.dataset.now);
  const tick = () => {
    if ("still" in line.dataset) return;
    const left = Math.max(0, Math.ceil(end - performance.now() / 1000));
    if (left === 0) {
      line.textContent = "The token has expired. Make a new one.";
      line.classList.add("late");
      return;
    }
    const hours = Math.floor(left / 3600), minutes = Math.floor(left / 60) % 60;
    const pad = (number) => String(number).padStart(2, "0");
    line.textContent = `Good for another ${hours ? `${hours}:${pad(minutes)}` : minutes}:${pad(left % 60)}`;
    line.classList.toggle("late", left < 60);
    setTimeout(tick, 250);
  };
  tick();
}

for (const live of document.querySelectorAll("[data-events]:not([data-over])")) {
  const line = live.querySelector(".countdown");
  const say = (text) => { line.dataset.still = ""; line.textContent = text; };
  const over = () => { source.close(); live.querySelector("[data-cancel]")?.remove(); };
  const source = new EventSource(live.dataset.events);
  const done = (step, told) => {
    const place = live.querySelector(`[data-step=${step}]`);
    place.classList.add("done");
    place.querySelector("small").textContent = told.at;
    return place;
  };
  source.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    if (told.kind === "configured") {
      done("configured", told);
      say("The token was redeemed. Waiting for the certificate request …");
      line.classList.remove("late");
    } else if (told.kind === "connected") {
      const place = done("connected", told);
      const link = document.createElement("a");
      link.className = "mono";
      link.href = location.pathname.replace(/\/(applications|runtimes)\/.*/, `/certificates/${told.serial}`);
      link.textContent = told.serial;
      place.append(link);
      // An agent reads its configuration without spending the token, and then nothing is recorded of that.
      const before = live.querySelector("[data-step=configured]");
      if (!before.classList.contains("done")) {
        before.classList.add("done");
        before.querySelector("small").textContent = "read without spending the token";
      }
      // What is used up is of no use to anybody who passes the screen.
      for (const once of document.querySelectorAll("[data-once]")) once.remove();
      say("Connected.");
      over();
    } else if (told.kind === "refused") {
      const item = document.createElement("li");
      item.textContent = `Refused at ${told.at}: ${told.text}`;
      live.querySelector("[data-refusals]").append(item);
    } else if (told.kind === "state" && told.state === "expired") {
      say("The token has expired. Make a new one.");
      line.classList.add("late");
      over();
    } else if (told.kind === "state" && told.state === "withdrawn") {
      say("The token is withdrawn.");
      over();
    } else if (told.kind === "over") {
      say(told.text);
      over();
    }
  });
}
