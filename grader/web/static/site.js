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
  const source = new EventSource(progress.dataset.events);
  source.onmessage = (event) => { progress.innerHTML = event.data; };
  source.addEventListener("done", () => { source.close(); location.reload(); });
}

const search = document.getElementById("search");
if (search) {
  search.closest(".tools").hidden = false;
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    for (const row of document.querySelectorAll("table.class tbody tr")) {
      row.hidden = !row.querySelector("th").textContent.toLowerCase().includes(wanted);
    }
  });
}
