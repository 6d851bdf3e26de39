// Asks the service, and says in words why there is no answer.

// A service that takes longer than this is as good as gone to whoever is watching.
const TIMEOUT_MS = 10_000;

// Without user and password, which fetch does not allow.
export const here = location.origin + location.pathname + location.search;
const root = new URL(document.documentElement.dataset.root, location.origin + location.pathname);

// Where a path of the service is, whatever page this is and whatever proxy is between.
export const at = (path) => new URL(path, root);

export async function ask(url) {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await fetch(url, { signal }).catch(() => {
    throw new Error(signal.aborted ? "it takes too long" : "it cannot be reached");
  });
  if (!answer.ok) throw new Error(await reason(answer));
  return answer;
}

// The API says why in its own words.
async function reason(answer) {
  const told = await answer.json().catch(() => null);
  return told?.error ?? `it answered ${answer.status}`;
}
