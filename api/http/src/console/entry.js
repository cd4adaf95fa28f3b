// Logging in: with an account of this server, or with a token that someone has.

import * as api from "./api.js";
import { field, h, render } from "./dom.js";

// `why` is told above the form. `then` is called when someone is in.
export function entry(place, why, then) {
  const state = { problem: null, needsCode: false, isBusy: false };

  const draw = () => {
    const input = ({ hint, ...given }) => h("input", { required: true, "aria-describedby": [state.problem && "entry-problem", hint].filter(Boolean).join(" ") || null, ...given });
    render(place, h("div", { class: "entry" },
      h("p", { class: "brand" }, h("span", { class: "mark", "aria-hidden": "true" }), "Daybook console"),
      h("h1", { tabindex: -1 }, "Log in"),
      why && h("p", { role: "status" }, why),
      state.problem && h("p", { class: "notice bad", role: "alert", id: "entry-problem" }, state.problem),
      h("form", { onsubmit: logIn, novalidate: true },
        field("E-mail address", input({ id: "email", name: "email", type: "email", autocomplete: "username" })),
        field("Password", input({ id: "password", name: "password", type: "password", autocomplete: "current-password" })),
        state.needsCode && field("Code", input({ id: "code", hint: "code-hint", name: "code", inputmode: "numeric", autocomplete: "one-time-code" }),
          "The one that your authenticator app shows, or a recovery code."),
        h("button", { type: "submit", class: "main", "aria-disabled": state.isBusy ? "true" : null }, "Log in")),
      h("details", {},
        h("summary", {}, "Use a token instead"),
        h("form", { onsubmit: useToken, novalidate: true },
          field("Token", input({ id: "token", hint: "token-hint", name: "token", type: "password", autocomplete: "off", spellcheck: "false" }),
            "One that ./dev up or daybook token prints. It is kept in this page only, and is gone when the page is loaded again."),
          h("button", { type: "submit" }, "Use the token")))));
  };

  async function logIn(event) {
    event.preventDefault();
    const { email, password, code } = event.target.elements;
    if (!email.value || !password.value) return fail("Fill in your e-mail address and your password.", email.value ? "password" : "email");
    if (state.isBusy) return;
    state.isBusy = true;
    draw();
    try {
      await api.logIn(email.value, password.value, code?.value.trim());
    } catch (error) {
      state.isBusy = false;
      if (error.code === "second_factor_required") {
        state.needsCode = true;
        return fail("Your account has a second factor. Fill in the code.", "code");
      }
      if (error.code === "invalid_credentials") return fail("E-mail address, password or code is wrong.", "password");
      return fail(error.message, "email");
    }
    await then();
  }

  async function useToken(event) {
    event.preventDefault();
    const token = event.target.elements.token.value.trim();
    if (!/^[\w.~+/=-]+$/.test(token)) return fail("A token is letters, digits, points and dashes, without spaces.", "token");
    api.paste(token);
    await then();
  }

  function fail(problem, id) {
    state.problem = problem;
    draw();
    place.querySelector(`#${id}`)?.focus();
  }

  draw();
  place.querySelector(why ? "h1" : "#email")?.focus();
}
