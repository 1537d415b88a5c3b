// What both pages do: take the token, send it, and show what came of it.

const LONGEST_WAIT = 20_000;
const main = document.querySelector("main");

// Another link opened in this tab changes the fragment only, and would otherwise do nothing.
addEventListener("hashchange", () => location.reload());

/** Take the token out of the address, so that neither the history nor a copied address holds it. */
export function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/** Send JSON. Gives the status, Retry-After and what an error says; status 0 is no answer. */
export async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(LONGEST_WAIT),
    });
    // A proxy's own error is no JSON.
    const problem = answer.ok ? {} : await answer.json().catch(() => ({}));
    return { ...problem, status: answer.status, retryAfter: answer.headers.get("Retry-After") };
  } catch {
    return { status: 0 };
  }
}

/** Show these parts and no other; a screen reader goes on at the first. */
export function show(...ids) {
  for (const part of main.querySelectorAll("section")) part.hidden = !ids.includes(part.id);
  document.getElementById(ids[0]).querySelector("h1").focus();
}

/** Say in this place why nothing came of it, and when to try again. */
export function excuse(place, { retryAfter }) {
  const seconds = Number(retryAfter);
  place.querySelector("[role=alert]").textContent =
    seconds > 0 ? main.dataset.later.replace("{when}", inWords(seconds)) : main.dataset.failed;
}

function inWords(seconds) {
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang);
  if (seconds < 100) return format.format(seconds, "second");
  return format.format(Math.ceil(seconds / 60), "minute");
}
