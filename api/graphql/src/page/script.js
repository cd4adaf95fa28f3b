"use strict";

const at = (id) => document.getElementById(id);

async function run() {
  const answer = at("answer");
  const headers = { "content-type": "application/json", accept: "application/graphql-response+json" };
  const token = at("token").value.trim();
  if (token) headers.authorization = `Bearer ${token}`;
  try {
    const variables = JSON.parse(at("variables").value || "{}");
    const body = JSON.stringify({ query: at("query").value, variables });
    const response = await fetch("/graphql", { method: "POST", headers, body });
    const text = await response.text();
    answer.textContent = `${response.status}\n${JSON.stringify(JSON.parse(text), null, 2)}`;
  } catch (error) {
    answer.textContent = String(error);
  }
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
