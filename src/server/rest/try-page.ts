// A page to try REST: the endpoints of the OpenAPI document, a body to edit, the answer. All of it comes from here; it asks nobody else, and its
// headers see to that.
import type { HttpResponse } from '#platform/transport.js';

const headers = {
  'content-security-policy':
    "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Elanus REST</title>
<link rel="stylesheet" href="/v2/docs.css">
<script src="/v2/docs.js" defer></script>
</head>
<body>
<nav>
<h1>Elanus REST</h1>
<input id="find" type="search" placeholder="find" aria-label="find an endpoint">
<ul id="endpoints"></ul>
<p><a href="/v2/openapi.json">OpenAPI 3.1</a></p>
</nav>
<main>
<h2 id="path"></h2>
<p id="summary"></p>
<label>Authorization <input id="authorization" placeholder="Bearer user:password" autocomplete="off"></label>
<label>Database <input id="database" placeholder="default"></label>
<label><input id="int64" type="checkbox" checked> int64 as numbers</label>
<label>Body <textarea id="body" rows="12" spellcheck="false"></textarea></label>
<button id="send">Send</button>
<pre id="answer" aria-live="polite"></pre>
<details><summary>What the body takes</summary><pre id="schema"></pre></details>
</main>
</body>
</html>
`;

const css = `:root { color-scheme: light dark; font: 15px system-ui, sans-serif; }
body { display: grid; grid-template-columns: 19rem 1fr; margin: 0; height: 100vh; }
nav { overflow: auto; padding: 1rem; border-right: 1px solid #8884; }
h1 { font-size: 1.1rem; }
nav ul { list-style: none; padding: 0; }
nav button { all: unset; cursor: pointer; padding: .15rem 0; display: block; width: 100%; }
nav button:focus-visible, nav button[aria-current] { text-decoration: underline; }
main { overflow: auto; padding: 1rem 2rem; }
h2 { font-family: ui-monospace, monospace; font-size: 1.1rem; }
label { display: block; margin: .5rem 0; }
textarea, pre { width: 100%; box-sizing: border-box; font: 13px ui-monospace, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: .75rem; min-height: 2rem; }
`;

const js = `'use strict';
const at = (id) => document.getElementById(id);
let chosen;
/** A body with every member that has to be there. */
const example = (schema) => {
  if (schema === undefined) return null;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum !== undefined) return schema.enum[0];
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first !== undefined) return example(first);
  switch (schema.type) {
    case 'object': return Object.fromEntries((schema.required ?? []).map((key) => [key, example(schema.properties?.[key])]));
    case 'array': return [example(schema.items)];
    case 'integer': case 'number': return 0;
    case 'boolean': return false;
    case 'string': return '';
    default: return null;
  }
};
const choose = (path, operation, button) => {
  chosen = path;
  for (const other of document.querySelectorAll('nav button[aria-current]')) other.removeAttribute('aria-current');
  button.setAttribute('aria-current', 'true');
  const schema = operation.requestBody.content['application/json'].schema;
  at('path').textContent = 'POST ' + path;
  at('summary').textContent = operation.summary + ' ' + (operation.description ?? '');
  at('body').value = JSON.stringify(example(schema), null, 2);
  at('schema').textContent = JSON.stringify(schema, null, 2);
  at('answer').textContent = '';
};
const send = async () => {
  const headers = { 'content-type': 'application/json', 'accept-type-allow-int64': String(at('int64').checked) };
  if (at('authorization').value !== '') headers.authorization = at('authorization').value;
  if (at('database').value !== '') headers['db-name'] = at('database').value;
  try {
    const response = await fetch(chosen, { method: 'POST', headers, body: at('body').value });
    at('answer').textContent = response.status + '\\n' + await response.text();
  } catch (error) {
    at('answer').textContent = String(error);
  }
};
const start = async () => {
  const { paths } = await (await fetch('/v2/openapi.json')).json();
  const posts = Object.entries(paths).filter(([, { post }]) => post !== undefined);
  const items = posts.map(([path, { post }]) => {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.textContent = path.replace('/v2/vectordb/', '');
    button.addEventListener('click', () => choose(path, post, button));
    item.append(button);
    return item;
  });
  at('endpoints').append(...items);
  at('find').addEventListener('input', ({ target }) => {
    for (const item of items) item.hidden = !item.textContent.includes(target.value.trim());
  });
  at('send').addEventListener('click', send);
  items[0].firstChild.click();
};
start();
`;

const page = (contentType: string, body: string): HttpResponse => ({
  status: 200,
  contentType: `${contentType}; charset=utf-8`,
  body,
  headers,
});

/** By path. */
export const tryPages: ReadonlyMap<string, HttpResponse> = new Map([
  ['/v2/docs', page('text/html', html)],
  ['/v2/docs.css', page('text/css', css)],
  ['/v2/docs.js', page('text/javascript', js)],
]);
