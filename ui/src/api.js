// Requests to the control API, with the token of whoever signed in; it stays in this tab alone.
const KEY = "waypost-token";

let token = sessionStorage.getItem(KEY) ?? "";

export const signedIn = () => token !== "";

export function setToken(next) {
  token = next.trim();
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
}

export const authorization = () => (token ? { Authorization: `Bearer ${token}` } : {});

/** What went wrong, in the server's words. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Asks for JSON; parameters that are lists stand several times. */
export async function ask(path, parameters = {}, options = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") query.append(name, one);
    }
  }
  const text = query.toString();
  let response;
  try {
    response = await fetch(`/api/v1/${path}${text ? `?${text}` : ""}`, { cache: "no-store", ...options, headers: { ...authorization(), ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "the server does not answer");
  }
  const body = await response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    if (response.ok) throw new Problem(0, "the server's answer is cut off");
    return {};
  });
  if (!response.ok) throw new Problem(response.status, body.detail ?? response.statusText);
  return body;
}

export const order = (parameters) => ask("orders", parameters, { method: "POST" });
