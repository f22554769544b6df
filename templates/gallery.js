(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");

  const remembered = {
    get() { try { return localStorage.getItem("remedia-theme"); } catch { return null; } },
    set(theme) { try { localStorage.setItem("remedia-theme", theme); } catch { /* a page from a disk may not store */ } },
  };
  const first = remembered.get();
  if (first === "dark" || first === "light") root.dataset.theme = first;

  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  function wireTheme() {
    const button = document.querySelector(".theme");
    const name = () => { button.setAttribute("aria-pressed", String(isDark())); };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remembered.set(root.dataset.theme);
      name();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
    name();
  }

  function wireCompare(compare) {
    const range = compare.querySelector("input");
    const words = compare.dataset;
    const show = () => {
      const split = Number(range.value);
      compare.style.setProperty("--split", `${split}%`);
      compare.classList.toggle("at-start", split < 14);
      compare.classList.toggle("at-end", split > 86);
      range.setAttribute("aria-valuetext",
        `${Math.round(split)} % ${words.before}, ${Math.round(100 - split)} % ${words.after}`);
    };
    const moveTo = (x) => {
      const box = compare.getBoundingClientRect();
      const split = Math.min(100, Math.max(0, (x - box.left) / box.width * 100));
      range.value = String(split);
      show();
    };
    range.addEventListener("input", show);
    range.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 10 : 2;
      const next = {
        ArrowLeft: () => Number(range.value) - step,
        ArrowDown: () => Number(range.value) - step,
        ArrowRight: () => Number(range.value) + step,
        ArrowUp: () => Number(range.value) + step,
        PageDown: () => Number(range.value) - 25,
        PageUp: () => Number(range.value) + 25,
        Home: () => 0,
        End: () => 100,
      }[event.key];
      if (!next || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      range.value = String(next());
      show();
    });
    compare.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      compare.setPointerCapture(event.pointerId);
      compare.classList.add("moving");
      if (event.pointerType !== "touch") { moveTo(event.clientX); event.preventDefault(); }
      range.focus({ preventScroll: true });
    });
    compare.addEventListener("pointermove", (event) => {
      if (compare.hasPointerCapture(event.pointerId)) moveTo(event.clientX);
    });
    compare.addEventListener("click", (event) => {
      if (event.detail > 0) moveTo(event.clientX);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      compare.addEventListener(end, () => compare.classList.remove("moving"));
    }
    show();
  }

  function wireSteps() {
    const photos = [...document.querySelectorAll("article.photo")];
    const bar = document.querySelector(".pager");
    const place = bar.querySelector("output");
    if (photos.length === 0) return;
    bar.hidden = false;
    let current = -1;
    let aimed = null;
    const look = () => {
      const line = innerHeight * 0.45;
      let found = -1;
      photos.forEach((photo, index) => { if (photo.getBoundingClientRect().top <= line) found = index; });
      if (found !== current) {
        current = found;
        place.textContent = `${Math.max(0, current) + 1} / ${photos.length}`;
      }
    };
    const go = (by) => {
      const from = aimed === null ? current : aimed;
      const to = Math.min(photos.length - 1, Math.max(0, from + by));
      aimed = to;
      photos[to].scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "start" });
      const target = photos[to].querySelector("input") || photos[to];
      target.focus({ preventScroll: true });
    };
    addEventListener("scroll", () => requestAnimationFrame(look), { passive: true });
    // Who works on a photo goes on from there, wherever the page was scrolled to.
    addEventListener("focusin", (event) => {
      const photo = event.target.closest("article.photo");
      if (photo && aimed === null) current = photos.indexOf(photo);
    });
    addEventListener("scrollend", () => { aimed = null; look(); });
    addEventListener("resize", look);
    bar.querySelector(".previous").addEventListener("click", () => go(-1));
    bar.querySelector(".next").addEventListener("click", () => go(1));
    addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const by = { j: 1, n: 1, ArrowRight: 1, k: -1, p: -1, ArrowLeft: -1 }[event.key];
      if (by) { event.preventDefault(); go(by); }
    });
    look();
  }

  // The drawings have units of their own; this tells how many of them a pixel of the page is.
  function measure(drawing) {
    const width = drawing.getBoundingClientRect().width;
    if (width > 0) drawing.style.setProperty("--unit", String(drawing.viewBox.baseVal.width / width));
  }

  function wireFindings() {
    const buttons = [...document.querySelectorAll("button.marks")]
      .filter((button) => button.closest("article.photo").querySelector("svg.findings"));
    const drawings = [...document.querySelectorAll("svg.findings")];
    const press = (button, on) => {
      button.closest("article.photo").classList.toggle("marked", on);
      button.setAttribute("aria-pressed", String(on));
      drawings.forEach(measure);
    };
    for (const button of buttons) {
      button.hidden = false;
      button.addEventListener("click", () => press(button, button.getAttribute("aria-pressed") !== "true"));
    }
    addEventListener("resize", () => drawings.forEach(measure));
    addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.key.toLowerCase() !== "f") return;
      const on = buttons.some((button) => button.getAttribute("aria-pressed") !== "true");
      buttons.forEach((button) => press(button, on));
    });
  }

  function wirePrint() {
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = [...document.querySelectorAll("details:not([open])")];
      opened.forEach((details) => { details.open = true; });
    });
    addEventListener("afterprint", () => opened.forEach((details) => { details.open = false; }));
  }

  addEventListener("DOMContentLoaded", () => {
    wireTheme();
    document.querySelectorAll(".compare").forEach(wireCompare);
    wireSteps();
    wireFindings();
    wirePrint();
  });
})();
