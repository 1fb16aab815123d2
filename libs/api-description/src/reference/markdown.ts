import { API, type ActionDescription, type JsonSchema } from '../api';
import { paramsOf } from '../params-of';
import { problemsOf } from '../problems-of';
import { typeText } from './type-text';

/** The reference as `docs/api-reference.md`. */
export function referenceMarkdown(): string {
  const requests = new Set([...API.actions, ...API.streams].map(({ request }) => request));
  const types = Object.keys(API.schemas).filter((name) => !requests.has(name));
  const inCommon = problemsOf({ effect: 'write', capability: 'system_admin', problems: [] });
  return [
    '# API reference',
    'Made from the contracts (`libs/contracts`), as are the OpenAPI document at `/openapi.json` and the page at `/docs` of a running platform.',
    'Each action can be called over REST, as `POST /v1/actions` with `{"action": …, "params": {…}}`, as a [GraphQL](graphql.md) field, with the [TypeScript client](client.md) and on the [command line](cli.md). In the tables, `*` marks params that must be given, and `?` fields that may be missing.',
    table(
      ['action', 'route', 'capability'],
      API.actions.map(({ name, method, path, capability }) => [
        `[${name}](#${anchor(name)})`,
        `\`${method} ${path}\``,
        capability === null ? '' : `\`${capability}\``,
      ]),
    ),
    '## Capabilities',
    table(
      ['capability', 'category', 'what it is for', 'actions'],
      Object.entries(API.capabilities).map(([name, { category, description }]) => [
        `\`${name}\``,
        category,
        description,
        API.actions
          .filter(({ capability }) => capability === name)
          .map((described) => `[${described.name}](#${anchor(described.name)})`)
          .join(', '),
      ]),
    ),
    '## Actions',
    ...API.actions.flatMap(action),
    '## Types',
    ...types.flatMap(type),
    '## Problems',
    'What goes wrong is `application/problem+json` (RFC 9457) with a stable `code`; `retryable` says that the same request may succeed later. Every action may be answered with:',
    inCommon.map((code) => `\`${code}\``).join(', '),
    table(
      ['status', 'code', 'title', 'retryable'],
      Object.entries(API.problems).map(([code, { status, title, retryable }]) => [
        String(status),
        `\`${code}\``,
        title,
        retryable ? 'yes' : '',
      ]),
    ),
    '',
  ].join('\n\n');
}

function action(described: ActionDescription): string[] {
  const { name, method, path, summary, capability, reply, okReplies, list, success, problems } = described;
  const answers = [...new Set([...okReplies, ...(reply === null ? [] : [reply])])].map(link).join(' or ');
  const params = paramsOf(described);
  return [
    `### ${name}`,
    `\`${method} ${path}\` — ${summary}`,
    `${capability === null ? 'Every agent may, to itself.' : `Needs \`${capability}\`.`} Answers ${reply === null ? '204, without a body' : `${success}: ${list ? 'a list of ' : ''}${answers}`}.`,
    ...(params.length === 0
      ? []
      : [
          table(
            ['param', 'in', 'type', 'what it means'],
            params.map((param) => [
              `\`${param.name}\`${param.required ? '\\*' : ''}`,
              param.in,
              typeMarkdown(param.schema),
              param.schema.description ?? '',
            ]),
          ),
        ]),
    ...(problems.length === 0 ? [] : [`May fail with ${problems.map((code) => `\`${code}\``).join(', ')}.`]),
  ];
}

function type(name: string): string[] {
  const schema = API.schemas[name] ?? {};
  const fields = Object.entries(schema.properties ?? {});
  return [
    `### type ${name}`,
    ...(schema.description === undefined ? [] : [schema.description]),
    fields.length === 0
      ? typeMarkdown(schema)
      : table(
          ['field', 'type', 'what it means'],
          fields.map(([field, each]) => [
            `\`${field}\`${schema.required?.includes(field) ? '' : '?'}`,
            typeMarkdown(each),
            each.description ?? '',
          ]),
        ),
  ];
}

function typeMarkdown(schema: JsonSchema): string {
  return typeText(schema)
    .words.map((word) => (typeof word === 'string' ? word : link(word.name)))
    .join('');
}

function link(name: string): string {
  return `[${name}](#${anchor(`type ${name}`)})`;
}

/** As GitHub makes it of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(' ', '-')
    .replace(/[^a-z0-9_-]/g, '');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
