/**
 * The dashboard's only script, and nothing needs it: it keeps a page fresh while nobody is in the middle of something, asks
 * before what cannot be taken back, and keeps a form from being sent twice. It builds no markup of its own.
 */

export const SCRIPT = `"use strict";
(() => {
  const everySeconds = Number(document.body.dataset.refresh || 0);
  const toggle = document.getElementById("refresh");
  const live = () => document.getElementById("live");
  let paused = false;

  const isBusy = () => {
    const region = live();
    const active = document.activeElement;
    if (!region || document.hidden || paused) return true;
    if (active && active !== document.body && region.contains(active) && active.matches("input, select, textarea, button, summary")) return true;
    if (region.querySelector("details[open] form")) return true;
    const selection = getSelection();
    return Boolean(selection && !selection.isCollapsed && region.contains(selection.anchorNode));
  };

  const refresh = async () => {
    if (isBusy()) return;
    const response = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
    if (response.type === "opaqueredirect") return location.reload();
    if (!response.ok || isBusy()) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("live");
    const region = live();
    if (!fresh || !region) return;
    const focused = document.activeElement && region.contains(document.activeElement) ? document.activeElement.id : "";
    const open = new Set([...region.querySelectorAll("details[open][id]")].map((element) => element.id));
    region.replaceChildren(...fresh.childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus();
  };

  if (everySeconds > 0 && toggle) {
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      paused = !paused;
      toggle.setAttribute("aria-pressed", String(paused));
    });
    setInterval(() => refresh().catch(() => {}), everySeconds * 1000);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = (event.submitter && event.submitter.dataset.confirm) || form.dataset.confirm;
    if (question && !confirm(question)) return event.preventDefault();
    if (form.dataset.sent) return event.preventDefault();
    if (form.method === "post") form.dataset.sent = "1";
  });
  // Back from the next page: what was sent may be sent again.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
`;
