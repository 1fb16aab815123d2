import { API, paramsOf, type ActionDescription } from '@agent-platform/api-description';
import { comment, HEAD } from './typescript';

/** The methods of the client, and the table by which it sends. */
export function operationsSource(): string {
  const domains = [...new Set(API.actions.map((action) => domainOf(action)))];
  const types = new Set(
    API.actions.flatMap(({ request, reply, okReplies, page }) => [request, reply, page, ...okReplies]),
  );
  types.delete(null);
  return [
    HEAD,
    `import type { Paged } from '../paged';\nimport type { CallOptions } from '../sender';\nimport type {\n${[...types]
      .sort()
      .map((name) => `  ${name},\n`)
      .join('')}} from './types';`,
    ...domains.map(domainInterface),
    `/** Every action, by domain and verb. */\nexport interface Domains {\n${domains.map((domain) => `  readonly ${domain}: ${interfaceName(domain)};`).join('\n')}\n}`,
    TABLE_TYPE,
    `/** How each action travels. */\nexport const OPERATIONS: Readonly<Record<string, Operation>> = {\n${API.actions.map(operation).join('')}};`,
    '',
  ].join('\n\n');
}

const TABLE_TYPE = `export interface Operation {
  readonly method: string;
  readonly path: string;
  /** Fields that travel in the query string although there is a body. */
  readonly query: readonly string[];
  /** Whether it changes something, and so takes an idempotency key and a signature. */
  readonly changes: boolean;
  readonly list: boolean;
  /** The param that says for how many seconds it may take, and what it is without. */
  readonly waits: { readonly param: string; readonly defaultSeconds: number };
}`;

function domainOf({ name }: ActionDescription): string {
  return name.split('.')[0] ?? '';
}

function interfaceName(domain: string): string {
  return `${domain.charAt(0).toUpperCase()}${domain.slice(1)}Actions`;
}

/** \`agent.rotate_key\` → \`rotateKey\`. */
function verbOf({ name }: ActionDescription): string {
  return (name.split('.')[1] ?? '').replace(/_(\w)/g, (_whole, letter: string) => letter.toUpperCase());
}

function domainInterface(domain: string): string {
  const methods = API.actions.filter((action) => domainOf(action) === domain).map(method);
  return `export interface ${interfaceName(domain)} {\n${methods.join('')}}`;
}

function method(action: ActionDescription): string {
  const { request, reply, okReplies, list, page, summary, capability } = action;
  const about = comment(`${summary}${capability === null ? '' : ` Needs \`${capability}\`.`}`, '  ');
  const isNeeded = paramsOf(action).some(({ required }) => required);
  const name = verbOf(action);
  const signature = (params: string, answer: string) =>
    `${about}  ${name}(params${isNeeded ? '' : '?'}: ${params}, options?: CallOptions): ${answer};\n`;
  if (list) return signature(request, `Paged<${reply ?? ''}, ${page ?? ''}>`);
  // A form that a param of the same name asks for: \`dryRun\` → \`DryRun\`.
  const params = paramsOf(action);
  const forms = okReplies
    .filter((form) => form !== reply)
    .map((form) => ({ form, param: form.charAt(0).toLowerCase() + form.slice(1) }));
  const asked = forms.filter(({ param }) => params.some((candidate) => candidate.name === param));
  const others = forms.filter((form) => !asked.includes(form)).map(({ form }) => form);
  return [
    ...asked.map(({ form, param }) => signature(`${request} & { ${param}: true }`, `Promise<${form}>`)),
    signature(request, reply === null ? 'Promise<void>' : `Promise<${[reply, ...others].join(' | ')}>`),
  ].join('');
}

function operation(action: ActionDescription): string {
  const { name, method: verb, path, query = [], effect, list, duration } = action;
  const { param, defaultSeconds } = duration ?? { param: 'wait', defaultSeconds: 0 };
  const fields = [
    `method: '${verb}'`,
    `path: '${path}'`,
    `query: ${JSON.stringify(query)}`,
    `changes: ${effect !== 'read'}`,
    `list: ${list}`,
    `waits: { param: '${param}', defaultSeconds: ${defaultSeconds} }`,
  ];
  return `  '${name}': { ${fields.join(', ')} },\n`;
}
