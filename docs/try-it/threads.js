// A service worker: it lets the page use several cores on any static server. Browsers share memory between threads only on a page
// that comes with these two headers. It keeps nothing and asks no other address.

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(registration.scope)) return;
  event.respondWith(
    fetch(request).then((answer) => {
      if (answer.type === "opaqueredirect") return answer; // to an address that comes through here again
      const headers = new Headers(answer.headers);
      headers.set("Cross-Origin-Opener-Policy", "same-origin");
      headers.set("Cross-Origin-Embedder-Policy", "require-corp");
      return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
    }),
  );
});
