// What pages do besides their forms: files can be dropped, waiting pages change by themselves, tables can be searched.
"use strict";

for (const form of document.querySelectorAll("form.drop")) {
  const input = form.querySelector("input[type=file]");
  form.querySelector(".dropping").hidden = false;
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("over"); });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (event.dataTransfer.files.length === 1) {
      input.files = event.dataTransfer.files;
      form.requestSubmit();
    }
  });
}

const progress = document.getElementById("progress");
if (progress) {
  const lost = document.getElementById("lost");
  let source;
  // A browser tries again when a connection breaks, but not after an error of a proxy, nor soon after a laptop slept.
  function listen() {
    source?.close();
    source = new EventSource(progress.dataset.events);
    source.onopen = () => { lost.hidden = true; };
    source.onmessage = (event) => { progress.innerHTML = event.data; };
    source.onerror = () => {
      lost.hidden = false;
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
    };
    source.addEventListener("done", () => { source.close(); location.reload(); });
  }
  listen();
  addEventListener("online", listen);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) listen(); });
}

// The class page asks every few seconds whether something has changed, and then takes the new parts over.
const live = document.querySelector("[data-stamp]");
if (live) {
  const parts = [".facts", ".notices", ".summary", ".students tbody", ".statistics"];
  async function look() {
    if (document.hidden) return;
    const answer = await fetch(live.dataset.live);
    const stamp = await answer.text();
    if (!answer.ok || stamp === live.dataset.stamp) return;
    const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
    const chosen = live.querySelector(".summary :checked")?.value;
    for (const part of parts) {
      const now = document.querySelector(part);
      const then = page.querySelector(part);
      if (now && then) now.replaceChildren(...then.childNodes);
    }
    const again = [...live.querySelectorAll(".summary input")].find((each) => each.value === chosen && !each.disabled);
    if (again) again.checked = true;
    live.dataset.stamp = stamp;
    live.dispatchEvent(new Event("fresh"));
  }
  setInterval(() => look().catch(() => {}), 4000);
}
