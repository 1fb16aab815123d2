import { API, type ActionDescription, type JsonSchema } from '../api';
import { paramsOf } from '../params-of';
import { problemsOf } from '../problems-of';
import { curlOf } from './curl';
import { typeText } from './type-text';

/** Where the gateway shows the page. */
export const REFERENCE_PATH = '/docs';

/**
 * The reference of the API as one page for people: no script, nothing from elsewhere.
 *
 * @param version of the platform that answers
 */
export function referencePage(version: string): string {
  const domains = [...new Set(API.actions.map(domainOf))];
  const types = Object.keys(API.schemas).filter((name) => !REQUESTS.has(name));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Agent Platform API</title>
<style>${STYLE}</style>
</head>
<body>
<nav>
<a href="#top"><b>Agent Platform</b></a>
${domains.map(navigation).join('\n')}
<a href="#types"><b>Types</b></a>
<a href="#problems"><b>Problems</b></a>
</nav>
<main id="top">
<h1>Agent Platform API</h1>
<p>Version ${escape(version)}. For machines: <a href="/openapi.json">OpenAPI 3.1</a>, <a href="/asyncapi.json">AsyncAPI</a> of the events,
the <a href="/v1/schemas/workflow.json">JSON Schema</a> of workflows.</p>
<p>Present the API key of an agent as <code>Authorization: Bearer mj_agent_…</code>. Each action below can also be called as
<code>POST /v1/actions</code> with <code>{"action": …, "params": {…}}</code>, and as a field of <code>/graphql</code>.</p>
<p>An answer is <code>{"data": …}</code>; a list is <code>{"data": […], "page": {"nextCursor": …}}</code>. What goes wrong is
<code>application/problem+json</code> with a stable <a href="#problems"><code>code</code></a>. What changes something takes an
<code>Idempotency-Key</code>.</p>
${domains.map(section).join('\n')}
<h2 id="types">Types</h2>
${types.map(typeSection).join('\n')}
<h2 id="problems">Problems</h2>
<table><tr><th>status<th>code<th>title<th>retryable</tr>
${Object.entries(API.problems)
  .map(
    ([code, { status, title, retryable }]) =>
      `<tr id="${code}"><td>${status}<td><code>${code}</code><td>${escape(title)}<td>${retryable ? 'yes' : ''}</tr>`,
  )
  .join('\n')}
</table>
</main>
</body>
</html>
`;
}

const REQUESTS = new Set([...API.actions, ...API.streams].map(({ request }) => request));

function domainOf({ name }: ActionDescription): string {
  return name.split('.')[0] ?? '';
}

function actionsOf(domain: string): readonly ActionDescription[] {
  return API.actions.filter((action) => domainOf(action) === domain);
}

function navigation(domain: string): string {
  const links = actionsOf(domain).map(({ name }) => `<a href="#${name}">${name}</a>`);
  return [`<a href="#${domain}"><b>${domain}</b></a>`, ...links].join('\n');
}

function section(domain: string): string {
  return `<h2 id="${domain}">${domain}</h2>\n${actionsOf(domain).map(actionSection).join('\n')}`;
}

function actionSection(action: ActionDescription): string {
  const { name, method, path, summary, capability, reply, okReplies, list, success, problems } = action;
  const params = paramsOf(action);
  const answers = [...new Set([...okReplies, ...(reply === null ? [] : [reply])])].map(link).join(' or ');
  return `<section id="${name}">
<h3>${name}</h3>
<p class="route"><b>${method}</b> <code>${escape(path)}</code></p>
<p>${prose(summary)}</p>
<p>${capability === null ? 'Every agent may, to itself.' : `Needs <code>${capability}</code>.`}
Answers ${reply === null ? '204, without a body' : `${success}: ${list ? 'a list of ' : ''}${answers}`}.</p>
${params.length === 0 ? '' : paramTable(params)}
<pre>${escape(curlOf(action))}</pre>
<details><summary>What can go wrong</summary><p>${[...problems, ...problemsOf({ ...action, problems: [] })]
    .map((code) => `<a href="#${code}"><code>${code}</code></a>`)
    .join(', ')}</p></details>
</section>`;
}

function paramTable(params: ReturnType<typeof paramsOf>): string {
  const rows = params.map(
    ({ name, schema, required, in: place }) =>
      `<tr><td><code>${name}</code>${required ? '*' : ''}<td>${place}<td>${typeHtml(schema)}<td>${prose(schema.description ?? '')}</tr>`,
  );
  return `<table><tr><th>param<th>in<th>type<th>what it means</tr>\n${rows.join('\n')}\n</table>`;
}

function typeSection(name: string): string {
  const schema = API.schemas[name] ?? {};
  const fields = Object.entries(schema.properties ?? {}).map(
    ([field, type]) =>
      `<tr><td><code>${escape(field)}</code>${schema.required?.includes(field) ? '' : '?'}<td>${typeHtml(type)}<td>${prose(type.description ?? '')}</tr>`,
  );
  const body =
    fields.length > 0
      ? `<table><tr><th>field<th>type<th>what it means</tr>\n${fields.join('\n')}\n</table>`
      : `<p>${typeHtml(schema)}</p>`;
  return `<section id="type-${name}"><h3>${name}</h3><p>${prose(schema.description ?? '')}</p>${body}</section>`;
}

function typeHtml(schema: JsonSchema): string {
  return typeText(schema)
    .words.map((word) => (typeof word === 'string' ? escape(word) : link(word.name)))
    .join('');
}

function link(name: string): string {
  return `<a href="#type-${name}">${name}</a>`;
}

/** A doc comment, in which backticks mark code. */
function prose(text: string): string {
  return escape(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --line: #8884; --soft: #8881; }
body { margin: 0; display: flex; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; flex: 0 0 15rem; padding: 1rem; box-sizing: border-box; border-right: 1px solid var(--line); font-size: 0.85rem; }
nav a { display: block; text-decoration: none; }
nav b { display: block; margin-top: 0.75rem; }
main { flex: 1; min-width: 0; max-width: 60rem; padding: 1rem 2rem; }
section { margin: 2rem 0; padding-top: 0.5rem; border-top: 1px solid var(--line); }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; font-size: 0.9rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid var(--line); }
pre { overflow-x: auto; padding: 0.8rem; background: var(--soft); }
code { background: var(--soft); }
:target { scroll-margin-top: 1rem; background: #fd02; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; border-right: 0; } main { padding: 1rem; } }
@media print { nav { display: none; } }
`;
