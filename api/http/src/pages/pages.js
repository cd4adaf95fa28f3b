"use strict";
// The token of a link stands behind `#`, which no server and no log sees: it is moved into the form.
const field = document.querySelector("input[name=token]");
const found = /^#token=([A-Za-z0-9_-]+)$/.exec(location.hash);
if (field && found) {
  field.value = found[1];
  field.closest(".field").hidden = true;
  history.replaceState(null, "", location.pathname);
}
