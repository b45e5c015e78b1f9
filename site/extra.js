// Tables that are wider than the window scroll: the keyboard must reach them. The theme wraps them after the page is loaded.
new MutationObserver(() => {
  for (const wrap of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) wrap.tabIndex = 0;
}).observe(document.body, { childList: true, subtree: true });
