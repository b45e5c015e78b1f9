// The theme wraps tables and adds buttons to code after the page is loaded.
new MutationObserver(() => {
  // Tables that are wider than the window scroll: the keyboard must reach them.
  for (const wrap of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) wrap.tabIndex = 0;
  // A copy button beside each code block is no part of the page's navigation.
  for (const nav of document.querySelectorAll(".md-code__nav:not([role])")) nav.setAttribute("role", "none");
  for (const code of document.querySelectorAll(".md-typeset :is(p, li) > code:not(.whole)"))
    if (/^-\S{1,30}$/.test(code.textContent)) code.classList.add("whole");
}).observe(document.body, { childList: true, subtree: true });
