"use strict";
// The token stands in the fragment, which browsers send nowhere; it is taken out of the address before anything else is done.
const told = document.getElementById("told");
const token = location.hash.slice(1);
history.replaceState(null, "", "/");
if (token === "") {
  told.textContent = "Type `halloo rest-token` and open the address that it prints.";
} else {
  fetch("/api/v1/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: token, browser: true }),
  })
    .then(async (answer) => {
      if (answer.ok) {
        location.replace("/api/v1/docs/");
      } else {
        const problem = await answer.json();
        told.textContent = problem.detail + ": " + problem.next + ".";
      }
    })
    .catch(() => {
      told.textContent = "halloo does not answer any more: start it again with `halloo up --rest`.";
    });
}
