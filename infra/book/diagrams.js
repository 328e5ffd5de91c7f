// Draws the book's mermaid blocks, with a copy of mermaid that lies beside the pages. It is loaded
// only where a page has a diagram.
(() => {
  const blocks = document.querySelectorAll("code.language-mermaid");
  if (blocks.length === 0) return;
  const script = document.createElement("script");
  script.src = `${path_to_root}mermaid.min.js`; // mdBook says where the root is, in each page
  script.onload = () => {
    for (const code of blocks) {
      const drawing = document.createElement("div");
      drawing.className = "mermaid";
      drawing.textContent = code.textContent;
      code.parentElement.replaceWith(drawing);
    }
    const dark = /\b(ayu|coal|navy)\b/.test(document.documentElement.className);
    mermaid.initialize({ startOnLoad: false, theme: dark ? "dark" : "default" });
    mermaid.run({ querySelector: ".mermaid" });
  };
  document.head.append(script);
})();
