import type { Json, JsonObject } from '@agent-platform/contracts';

/** A step that takes any value. */
export function transform(id: Json, value: Json, more: JsonObject = {}): JsonObject {
  return { id, type: 'transform', with: { value }, ...more };
}

/** A definition of one step. */
export function one(step: Json): JsonObject {
  return { steps: [step] };
}

const http = (fields: JsonObject, more: JsonObject = {}): JsonObject =>
  one({ id: 'a', type: 'http', with: { url: 'https://example.com', ...fields }, ...more });
const typed = (type: string, fields: Json, more: JsonObject = {}): JsonObject =>
  one({ id: 'a', type, with: fields, ...more });
const chain = (count: number): JsonObject[] =>
  Array.from({ length: count }, (_, index) => transform(`s${index}`, index));

function nested(depth: number): JsonObject {
  let step: JsonObject = transform(`s${depth}`, 1);
  for (let level = depth; level > 0; level--) {
    step = { id: `n${level}`, type: 'parallel', with: { branches: { b: [step] } } };
  }
  return step;
}

type Bad = readonly [what: string, path: string, definition: JsonObject];

const WRONG: Readonly<Record<string, readonly Json[]>> = {
  text: [5, true, {}, []],
  object: [5, 'text', [], true],
  boolean: [1, 'yes', {}],
  version: [0, -1, 1.5, 'one'],
  duration: [5, '', '5', '5 minutes', '-5s', 'P1Y', {}],
};

/** Each field of each type of step with values of the wrong type. */
const WRONG_FIELDS: readonly (readonly [type: string, field: string, kind: readonly Json[], others?: JsonObject])[] = [
  ['http', 'method', [5, 'FETCH', {}, [], 'get']],
  ['http', 'url', [5, '', 'ftp://x', '/path', 'example.com', {}]],
  ['http', 'query', WRONG.object ?? [], { url: 'https://x' }],
  ['http', 'headers', WRONG.object ?? [], { url: 'https://x' }],
  ['http', 'expectStatus', [99, 600, 'ok', 200.5, [], [200, 'x'], {}], { url: 'https://x' }],
  ['integration', 'integration', WRONG.text ?? [], { path: '/x' }],
  ['integration', 'method', [5, 'FETCH', 'OPTIONS', {}], { integration: 'x', path: '/x' }],
  ['integration', 'path', [5, 'x', 'ftp://x', {}], { integration: 'x' }],
  ['integration', 'query', WRONG.object ?? [], { integration: 'x', path: '/x' }],
  ['integration', 'headers', WRONG.object ?? [], { integration: 'x', path: '/x' }],
  ['integration', 'operationId', WRONG.text ?? [], { integration: 'x' }],
  ['integration', 'params', WRONG.object ?? [], { integration: 'x', operationId: 'o' }],
  ['integration', 'expectStatus', [99, 'ok', []], { integration: 'x', path: '/x' }],
  ['event', 'type', [5, 'Lead', 'lead scored', 'lead..x', 'workflow.started', 'system.error', {}]],
  ['event', 'data', WRONG.object ?? [], { type: 'lead.x' }],
  ['event', 'subject', WRONG.text ?? [], { type: 'lead.x' }],
  ['data', 'action', [5, 'drop', {}, 'constructor'], { collection: 'leads' }],
  ['data', 'collection', WRONG.text ?? [], { action: 'list' }],
  ['data', 'id', WRONG.text ?? [], { action: 'get', collection: 'leads' }],
  ['data', 'document', WRONG.object ?? [], { action: 'create', collection: 'leads' }],
  ['agent', 'command', [5, '', 'two words', {}], { to: { skill: 'data_read' } }],
  ['agent', 'payload', WRONG.object ?? [], { to: { skill: 'data_read' }, command: 'x' }],
  ['workflow', 'workflow', WRONG.text ?? []],
  ['workflow', 'version', WRONG.version ?? [], { workflow: 'w' }],
  ['workflow', 'input', WRONG.object ?? [], { workflow: 'w' }],
  ['workflow', 'wait', WRONG.boolean ?? [], { workflow: 'w' }],
  ['wait', 'duration', [...(WRONG.duration ?? []), '31d', 'P31D']],
  ['wait', 'until', [5, 'tomorrow', '2027-13-01T00:00:00Z', '2027-01-01', {}]],
  ['wait', 'signal', [5, 'name', [], true]],
  ['wait', 'event', [5, 'lead.x', []]],
  ['approval', 'title', WRONG.text ?? []],
  ['approval', 'description', WRONG.text ?? [], { title: 'x' }],
  ['approval', 'expiresIn', [...(WRONG.duration ?? []), '31d'], { title: 'x' }],
  ['parallel', 'branches', [5, 'x', [], {}]],
  ['foreach', 'items', [5, 'x', {}], { steps: [transform('i', 1)] }],
  ['foreach', 'steps', [5, 'x', {}, []], { items: [] }],
  ['foreach', 'concurrency', [0, 101, 1.5, 'x', {}], { items: [], steps: [transform('i', 1)] }],
];

const wrongFields: Bad[] = WRONG_FIELDS.flatMap(([type, field, values, others = {}]) =>
  values.map((value): Bad => [
    `${type} with ${field} ${JSON.stringify(value)}`,
    `steps[0].with.${field}`,
    typed(type, { ...others, [field]: value }),
  ]),
);

const MISSING: readonly (readonly [type: string, field: string, others: JsonObject])[] = [
  ['http', 'url', {}],
  ['integration', 'integration', { path: '/x' }],
  ['transform', 'value', {}],
  ['event', 'type', {}],
  ['data', 'action', { collection: 'x' }],
  ['data', 'collection', { action: 'list' }],
  ['data', 'id', { action: 'get', collection: 'x' }],
  ['data', 'id', { action: 'delete', collection: 'x' }],
  ['data', 'document', { action: 'update', collection: 'x', id: 'y' }],
  ['workflow', 'workflow', {}],
  ['approval', 'title', {}],
  ['parallel', 'branches', {}],
  ['foreach', 'items', { steps: [transform('i', 1)] }],
  ['foreach', 'steps', { items: [] }],
];
const missingFields = MISSING.map(([type, field, others]): Bad => [
  `${type} without ${field}`,
  `steps[0].with.${field}`,
  typed(type, others),
]);

const unknownFields: Bad[] = [
  'http',
  'integration',
  'transform',
  'event',
  'data',
  'workflow',
  'wait',
  'approval',
  'parallel',
  'foreach',
].map((type): Bad => [`an unknown field of ${type}`, 'steps[0].with.colour', typed(type, { colour: 1 })]);

const badIds: Bad[] = [
  '',
  ' ',
  '1a',
  'a b',
  'a.b',
  'a/b',
  'ä',
  'a'.repeat(65),
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  5,
  null,
  {},
  ['a'],
].map((id): Bad => [`the id ${JSON.stringify(id)}`, 'steps[0].id', one(transform(id, 1))]);

const badExpressions: Bad[] = [
  '${{ }}',
  '${{ input.',
  '${{ input. }}',
  '${{ input.a = 1 }}',
  '${{ nobody }}',
  '${{ process.env }}',
  '${{ item }}',
  '${{ index }}',
  '${{ signal.a }}',
  '${{ env.X }}',
  '${{ globalThis }}',
  '${{ input.a.matches("a+") }}',
  '${{ nothing(1) }}',
  '${{ "open }}',
  '${{ 1 + }}',
  '${{ cel.bind(x, 1, x) }}',
  `\${{ ${'1 + '.repeat(2000)}1 }}`,
  `\${{ ${'('.repeat(300)}1${')'.repeat(300)} }}`,
  `\${{ ${'['.repeat(300)}${']'.repeat(300)} }}`,
  '${{ 1 }}'.repeat(101),
].map((value): Bad => [`the expression ${value.slice(0, 40)}`, 'steps[0].with.value', one(transform('a', value))]);

const structure: Bad[] = [
  ['no steps', 'steps', {}],
  ['steps null', 'steps', { steps: null }],
  ['steps as an object', 'steps', { steps: {} }],
  ['steps as text', 'steps', { steps: 'a' }],
  ['an empty list of steps', 'steps', { steps: [] }],
  ['a step that is null', 'steps[0]', one(null)],
  ['a step that is text', 'steps[0]', one('a')],
  ['a step that is a list', 'steps[0]', one([])],
  ['an unknown field', 'colour', { ...one(transform('a', 1)), colour: 1 }],
  ['an unknown field of a step', 'steps[0].colour', one(transform('a', 1, { colour: 1 }))],
  [
    'the field __proto__ of a step',
    'steps[0].__proto__',
    one(JSON.parse('{"id":"a","type":"transform","with":{"value":1},"__proto__":1}') as Json),
  ],
  ['a name with blanks', 'name', { ...one(transform('a', 1)), name: 'a b' }],
  ['a name that is no text', 'name', { ...one(transform('a', 1)), name: 5 }],
  [
    'an unknown thing to do when an integration is down',
    'whenIntegrationDown',
    { ...one(transform('a', 1)), whenIntegrationDown: 'skip' },
  ],
  ['a description that is no text', 'description', { ...one(transform('a', 1)), description: 5 }],
  ['a $schema that is no text', '$schema', { ...one(transform('a', 1)), $schema: 5 }],
  ['an input that is no schema', 'input', { ...one(transform('a', 1)), input: 'x' }],
  ['an input schema of an unknown type', 'input', { ...one(transform('a', 1)), input: { type: 'strng' } }],
  ['an input schema with a remote reference', 'input', { ...one(transform('a', 1)), input: { $ref: 'https://x/y' } }],
  [
    'an input schema with a slow pattern',
    'input',
    { ...one(transform('a', 1)), input: { properties: { a: { pattern: '(a+)+$' } } } },
  ],
  ['an output that reads no step', 'output', { ...one(transform('a', 1)), output: '${{ steps.b.output }}' }],
  ['an output with item', 'output', { ...one(transform('a', 1)), output: '${{ item }}' }],
  ['10 000 steps', 'definition', { steps: chain(10_000) }],
  ['1001 steps', 'steps', { steps: chain(1001) }],
  [
    '1001 steps, most of them inside',
    'steps[0].with.branches.b',
    one({ id: 'f', type: 'parallel', with: { branches: { b: chain(1000) } } }),
  ],
  ['more bytes than allowed', 'definition', one(transform('a', 'x'.repeat(300_000)))],
  ['nesting of 1 000', 'steps[0]' + '.with.branches.b[0]'.repeat(8) + '.with.branches.b', one(nested(1000))],
  ['nesting of 9', 'steps[0]' + '.with.branches.b[0]'.repeat(8) + '.with.branches.b', one(nested(9))],
  ['a duplicate id', 'steps[1].id', { steps: [transform('a', 1), transform('a', 2)] }],
  [
    'an id given again inside',
    'steps[1].with.branches.x[0].id',
    { steps: [transform('a', 1), { id: 'f', type: 'parallel', with: { branches: { x: [transform('a', 1)] } } }] },
  ],
  ['a need of itself', 'steps[0].needs', one(transform('a', 1, { needs: ['a'] }))],
  ['an unknown need', 'steps[0].needs', one(transform('a', 1, { needs: ['b'] }))],
  ['needs as text', 'steps[0].needs', one(transform('a', 1, { needs: 'b' }))],
  ['needs of numbers', 'steps[0].needs', one(transform('a', 1, { needs: [1] }))],
  ['a need twice', 'steps[1].needs', { steps: [transform('a', 1), transform('b', 1, { needs: ['a', 'a'] })] }],
  ['a cycle of two', 'steps[0].needs', { steps: [transform('a', 1, { needs: ['b'] }), transform('b', 1)] }],
  [
    'a cycle of three',
    'steps[0].needs',
    { steps: [transform('a', 1, { needs: ['c'] }), transform('b', 1), transform('c', 1)] },
  ],
  [
    'a cycle inside of a branch',
    'steps[0].with.branches.x[0].needs',
    one({
      id: 'f',
      type: 'parallel',
      with: { branches: { x: [transform('a', 1, { needs: ['b'] }), transform('b', 1)] } },
    }),
  ],
  [
    'a need of a step inside',
    'steps[1].needs',
    {
      steps: [
        { id: 'f', type: 'parallel', with: { branches: { x: [transform('in', 1)] } } },
        transform('b', 1, { needs: ['in'] }),
      ],
    },
  ],
  [
    'a need of a step outside',
    'steps[1].with.branches.x[0].needs',
    {
      steps: [
        transform('out', 1),
        { id: 'f', type: 'parallel', with: { branches: { x: [transform('in', 1, { needs: ['out'] })] } } },
      ],
    },
  ],
  ['reading itself', 'steps[0].with', one(transform('a', '${{ steps.a.output }}'))],
  ['reading itself in if', 'steps[0].if', one(transform('a', 1, { if: '${{ steps.a.output == 1 }}' }))],
  ['reading no step', 'steps[0].with', one(transform('a', '${{ steps.b.output }}'))],
  ['reading a later step', 'steps[0].with', { steps: [transform('a', '${{ steps.b.output }}'), transform('b', 1)] }],
  [
    'reading a step beside it',
    'steps[1].with',
    { steps: [transform('a', 1), transform('b', '${{ steps.a.output }}', { needs: [] })] },
  ],
  [
    'reading another branch',
    'steps[0].with.branches.y[0].with',
    one({
      id: 'f',
      type: 'parallel',
      with: { branches: { x: [transform('a', 1)], y: [transform('b', '${{ steps.a.output }}')] } },
    }),
  ],
  [
    'reading the step around it',
    'steps[0].with.steps[0].with',
    typed('foreach', { items: [], steps: [transform('i', '${{ steps.a.output }}')] }),
  ],
  ['no type', 'steps[0].type', one({ id: 'a', with: {} })],
  ['an unknown type', 'steps[0].type', typed('htttp', {})],
  ['a type that is no text', 'steps[0].type', one({ id: 'a', type: 5 })],
  ['an agent step without a receiver', 'steps[0].with.to', typed('agent', { command: 'x' })],
  ['an agent step to two', 'steps[0].with.to', typed('agent', { to: { id: 'a', name: 'b' }, command: 'x' })],
  ['an agent step to a role', 'steps[0].with.to', typed('agent', { to: { role: 'a' }, command: 'x' })],
  ['an agent step to a number', 'steps[0].with.to.name', typed('agent', { to: { name: 5 }, command: 'x' })],
  ['an agent step without a command', 'steps[0].with.command', typed('agent', { to: { name: 'a' } })],
  [
    'an agent step for two weeks',
    'steps[0].timeout',
    typed('agent', { to: { name: 'a' }, command: 'x' }, { timeout: '14d' }),
  ],
  ['the type constructor', 'steps[0].type', typed('constructor', {})],
  ['with as text', 'steps[0].with', one({ id: 'a', type: 'http', with: 'x' })],
  ['with as a list', 'steps[0].with', one({ id: 'a', type: 'http', with: [] })],
  ['if as a boolean', 'steps[0].if', one(transform('a', 1, { if: true }))],
  ['if without an expression', 'steps[0].if', one(transform('a', 1, { if: 'true' }))],
  ['if that does not parse', 'steps[0].if', one(transform('a', 1, { if: '${{ 1 + }}' }))],
  ['onError of an unknown word', 'steps[0].onError', one(transform('a', 1, { onError: 'ignore' }))],
  ['onError as a list', 'steps[0].onError', one(transform('a', 1, { onError: [] }))],
  ['onError with more than goto', 'steps[0].onError', one(transform('a', 1, { onError: { goto: 'b', x: 1 } }))],
  ['onError with a goto that is no text', 'steps[0].onError', one(transform('a', 1, { onError: { goto: 1 } }))],
  ['a goto to itself', 'steps[0].onError.goto', one(transform('a', 1, { onError: { goto: 'a' } }))],
  ['a goto to no step', 'steps[0].onError.goto', one(transform('a', 1, { onError: { goto: 'b' } }))],
  [
    'a goto into a branch',
    'steps[0].onError.goto',
    {
      steps: [
        transform('a', 1, { onError: { goto: 'in' } }),
        { id: 'f', type: 'parallel', with: { branches: { x: [transform('in', 1)] } } },
      ],
    },
  ],
  ['compensate as a list', 'steps[0].compensate', one(transform('a', 1, { compensate: [] }))],
  ['compensate with an id', 'steps[0].compensate.id', one(transform('a', 1, { compensate: transform('b', 1) }))],
  [
    'compensate that waits',
    'steps[0].compensate.type',
    one(transform('a', 1, { compensate: { type: 'wait', with: { duration: '1s' } } })),
  ],
  [
    'compensate without its fields',
    'steps[0].compensate.with.url',
    one(transform('a', 1, { compensate: { type: 'http' } })),
  ],
  [
    'compensate that reads a later step',
    'steps[0].compensate.with',
    {
      steps: [
        transform('a', 1, { compensate: { type: 'transform', with: { value: '${{ steps.b.output }}' } } }),
        transform('b', 1),
      ],
    },
  ],
  ['two ways to wait', 'steps[0].with', typed('wait', { duration: '1s', until: '2027-01-01T00:00:00Z' })],
  ['no way to wait', 'steps[0].with', typed('wait', {})],
  ['a signal without a name', 'steps[0].with.signal.name', typed('wait', { signal: {} })],
  ['a signal with a bad name', 'steps[0].with.signal.name', typed('wait', { signal: { name: 'a b' } })],
  ['a signal named approve', 'steps[0].with.signal.name', typed('wait', { signal: { name: 'approve' } })],
  ['a signal with an unknown field', 'steps[0].with.signal.x', typed('wait', { signal: { name: 'a', x: 1 } })],
  ['a match that is no text', 'steps[0].with.signal.match', typed('wait', { signal: { name: 'a', match: true } })],
  ['a match that is empty', 'steps[0].with.signal.match', typed('wait', { signal: { name: 'a', match: ' ' } })],
  ['a match that does not parse', 'steps[0].with.signal.match', typed('wait', { signal: { name: 'a', match: '1 +' } })],
  [
    'a match over the wrong word',
    'steps[0].with.signal.match',
    typed('wait', { signal: { name: 'a', match: 'event.a' } }),
  ],
  ['an event without a type', 'steps[0].with.event.type', typed('wait', { event: {} })],
  ['an event with a bad type', 'steps[0].with.event.type', typed('wait', { event: { type: 'Lead' } })],
  ['a branch that is no list', 'steps[0].with.branches.x', typed('parallel', { branches: { x: {} } })],
  ['an empty branch', 'steps[0].with.branches.x', typed('parallel', { branches: { x: [] } })],
  [
    'a branch named with blanks',
    'steps[0].with.branches.a b',
    typed('parallel', { branches: { 'a b': [transform('i', 1)] } }),
  ],
  ['a bad step in a branch', 'steps[0].with.branches.x[0].type', typed('parallel', { branches: { x: [{ id: 'i' }] } })],
  ['a bad step in a loop', 'steps[0].with.steps[0].type', typed('foreach', { items: [], steps: [{ id: 'i' }] })],
  [
    'params of another data action',
    'steps[0].with.document',
    typed('data', { action: 'list', collection: 'x', document: {} }),
  ],
  ['an integration without path and operation', 'steps[0].with', typed('integration', { integration: 'x' })],
  [
    'an integration with path and operation',
    'steps[0].with',
    typed('integration', { integration: 'x', path: '/x', operationId: 'o' }),
  ],
  ['params of a path', 'steps[0].with.params', typed('integration', { integration: 'x', path: '/x', params: {} })],
  [
    'a method of an operation',
    'steps[0].with.method',
    typed('integration', { integration: 'x', operationId: 'o', method: 'GET' }),
  ],
  ['a timeout of a transform', 'steps[0].timeout', one(transform('a', 1, { timeout: '1s' }))],
  ['a timeout of an event', 'steps[0].timeout', typed('event', { type: 'a.b' }, { timeout: '1s' })],
  ['a timeout of 0', 'steps[0].timeout', http({}, { timeout: '0s' })],
  ['a timeout of 2 hours', 'steps[0].timeout', http({}, { timeout: '2h' })],
  ['a timeout that is a number', 'steps[0].timeout', http({}, { timeout: 5 })],
  ['a timeout in words', 'steps[0].timeout', http({}, { timeout: 'soon' })],
  ['retry of a wait', 'steps[0].retry', typed('wait', { duration: '1s' }, { retry: {} })],
  ['retry of a transform', 'steps[0].retry', one(transform('a', 1, { retry: {} }))],
  ['retry as a number', 'steps[0].retry', http({}, { retry: 3 })],
  ['an unknown field of retry', 'steps[0].retry.times', http({}, { retry: { times: 3 } })],
  ...[0, -1, 101, 1.5, '3', null].map((value): Bad => [
    `maxAttempts ${value}`,
    'steps[0].retry.maxAttempts',
    http({}, { retry: { maxAttempts: value } }),
  ]),
  ...[0.5, 11, '2', null].map((value): Bad => [
    `backoffCoefficient ${value}`,
    'steps[0].retry.backoffCoefficient',
    http({}, { retry: { backoffCoefficient: value } }),
  ]),
  ...[-0.1, 1.1, '1'].map((value): Bad => [
    `jitter ${value}`,
    'steps[0].retry.jitter',
    http({}, { retry: { jitter: value } }),
  ]),
  ...['initialInterval', 'maxInterval'].flatMap((field) =>
    [5, '', '2d', '0s'].map((value): Bad => [
      `${field} ${JSON.stringify(value)}`,
      `steps[0].retry.${field}`,
      http({}, { retry: { [field]: value } }),
    ]),
  ),
  ...[[], 'timeout', ['always'], [200], [1000], [true]]
    .slice(1)
    .map((value): Bad => [
      `retryOn ${JSON.stringify(value)}`,
      'steps[0].retry.retryOn',
      http({}, { retry: { retryOn: value } }),
    ]),
];

/** What must be refused, with a path that must be named. */
const on = (value: Json): JsonObject => ({ ...one(transform('a', 1)), on: value });

const badTriggers: readonly Bad[] = [
  ...[5, 'lead.scored', true, null].map((value): Bad => [`on ${JSON.stringify(value)}`, 'on', on(value)]),
  ['an empty on', 'on', on([])],
  ['51 triggers', 'on', on(Array.from({ length: 51 }, () => ({ event: 'lead.*' })))],
  ['a trigger without event', 'on.event', on({ filter: 'data.a' })],
  ['a trigger with an unknown field', 'on.types', on({ event: 'lead.scored', types: [] })],
  ['a second trigger that is none', 'on[1]', on([{ event: 'lead.scored' }, 'lead.lost'])],
  ...[5, '', 'Lead', 'lead..x', 'lead*', '*.scored', 'lead.*.x', 'lead scored', {}, []].map((event): Bad => [
    `a trigger for ${JSON.stringify(event)}`,
    'on[0].event',
    on([{ event }]),
  ]),
  ...[5, {}, []].map((filter): Bad => [
    `the filter ${JSON.stringify(filter)}`,
    'on.filter',
    on({ event: '*', filter }),
  ]),
  ['a filter of an empty expression', 'on.filter', on({ event: '*', filter: ' ' })],
  ['a filter that is no expression', 'on.filter', on({ event: '*', filter: 'data.a >' })],
  ['a filter expression reading input', 'on.filter', on({ event: '*', filter: 'input.a == 1' })],
  [
    'a filter expression reading steps',
    'on[1].filter',
    on([{ event: '*' }, { event: 'lead.x', filter: 'steps.a.output' }]),
  ],
];

export const BAD_DEFINITIONS: readonly Bad[] = [
  ...structure,
  ...badTriggers,
  ...badIds,
  ...badExpressions,
  ...missingFields,
  ...unknownFields,
  ...wrongFields,
];

/** Each feature of the language once. */
export const VALID_DEFINITIONS: readonly (readonly [what: string, definition: JsonObject])[] = [
  ['what to do when an integration is down', { ...one(transform('a', 1)), whenIntegrationDown: 'fail' }],
  ['one step', one(transform('a', 1))],
  ['a $schema', { ...one(transform('a', 1)), $schema: 'http://localhost:3000/v1/schemas/workflow.json' }],
  ['a name and a description', { ...one(transform('a', 1)), name: 'a.b-c_1', description: 'x' }],
  ['a schema of the input', { ...one(transform('a', 1)), input: { type: 'object', required: ['a'] } }],
  ['an event that starts it', on({ event: 'lead.scored' })],
  ['events by their beginning', on({ event: 'lead.*' })],
  ['any event, with a filter', on({ event: '*', filter: 'event.type != "lead.lost" && data.points > 10' })],
  ['a filter in an expression of its own', on({ event: 'lead.scored', filter: '${{ data.points > 10 }}' })],
  [
    'several triggers over all that a filter reads',
    on([
      { event: 'workflow.failed', filter: 'data.workflowId != "x"' },
      { event: 'lead.scored', filter: 'id + source + type + time + agentid != "" && subject == null' },
    ]),
  ],
  ['an output', { ...one(transform('a', 1)), output: { x: '${{ steps.a.output }}' } }],
  ['1000 steps', { steps: chain(1000) }],
  ['eight levels of branches', one(nested(8))],
  ['null as a value', one(transform('a', null))],
  ['an escaped expression', one(transform('a', '$${{ not.one }}'))],
  [
    'needs of several',
    {
      steps: [
        transform('a', 1),
        transform('b', 1, { needs: [] }),
        transform('c', '${{ [steps.a.output, steps.b.output] }}', { needs: ['a', 'b'] }),
      ],
    },
  ],
  [
    'needs of a later step',
    { steps: [transform('a', '${{ steps.b.output }}', { needs: ['b'] }), transform('b', 1, { needs: [] })] },
  ],
  ['if', one(transform('a', 1, { if: '${{ input.go == true }}' }))],
  ['steps chosen when it runs', { steps: [transform('a', 1), transform('b', '${{ steps[input.which].output }}')] }],
  [
    'the error of a step',
    { steps: [transform('a', 1, { onError: 'continue' }), transform('b', '${{ steps.a.error.code }}')] },
  ],
  ['onError fail', one(transform('a', 1, { onError: 'fail' }))],
  ['goto forwards', { steps: [transform('a', 1, { onError: { goto: 'c' } }), transform('b', 1), transform('c', 1)] }],
  ['goto backwards', { steps: [transform('a', 1), transform('b', 1, { onError: { goto: 'a' } })] }],
  [
    'compensate',
    one(
      transform('a', 1, {
        compensate: {
          type: 'http',
          with: { url: 'https://x/${{ steps.a.output }}' },
          timeout: '5s',
          retry: { maxAttempts: 9 },
        },
      }),
    ),
  ],
  [
    'http with everything',
    http(
      {
        method: 'POST',
        query: { a: 1 },
        headers: { b: 'c' },
        body: [1],
        expectStatus: [200, 404],
        mock: { status: 200 },
      },
      { timeout: '10s' },
    ),
  ],
  [
    'http with expressions',
    http({ method: '${{ input.m }}', url: '${{ input.u }}', query: '${{ input.q }}', expectStatus: '${{ input.s }}' }),
  ],
  [
    'a whole retry policy',
    http(
      {},
      {
        retry: {
          maxAttempts: 5,
          initialInterval: '500ms',
          backoffCoefficient: 1.5,
          maxInterval: 'PT30S',
          jitter: 0,
          retryOn: ['timeout', 'network', '4xx', '5xx', 429],
        },
      },
    ),
  ],
  ['retryOn nothing', http({}, { retry: { retryOn: [] } })],
  ['event', typed('event', { type: 'lead.scored', data: { a: '${{ input.a }}' }, subject: 's' })],
  ['event with a computed type', typed('event', { type: '${{ input.t }}' })],
  [
    'integration',
    typed('integration', { integration: 'github', path: '/user', query: { a: 1 }, expectStatus: [200, 404] }),
  ],
  [
    'integration with an operation',
    typed('integration', { integration: 'crm', operationId: 'getLead', params: { id: '${{ input.id }}' } }),
  ],
  [
    'integration with a computed path',
    typed('integration', { integration: 'crm', path: '${{ input.path }}' }, { retry: { maxAttempts: 2 } }),
  ],
  ['data get', typed('data', { action: 'get', collection: 'leads', id: '${{ input.id }}' })],
  ['data list', typed('data', { action: 'list', collection: 'leads', limit: 5 })],
  ['data create', typed('data', { action: 'create', collection: 'leads', document: { a: 1 } })],
  ['data update', typed('data', { action: 'update', collection: 'leads', id: 'x', document: {}, ifVersion: 3 })],
  ['data delete', typed('data', { action: 'delete', collection: 'leads', id: 'x', mock: {} })],
  ['data query', typed('data', { action: 'query', collection: 'leads', filter: { a: 1 }, sort: [{ a: 'asc' }] })],
  ['data with a computed action', typed('data', { action: '${{ input.a }}', collection: 'leads' })],
  ['workflow', typed('workflow', { workflow: 'other', version: 3, input: { a: 1 }, wait: false })],
  ['workflow with a timeout', typed('workflow', { workflow: 'other' }, { timeout: '2d' })],
  ['wait for a duration', typed('wait', { duration: '30d' })],
  ['wait for an ISO 8601 duration', typed('wait', { duration: 'P1DT12H' })],
  ['wait until a time', typed('wait', { until: '2027-01-31T09:00:00+01:00' })],
  ['wait until a computed time', typed('wait', { until: '${{ input.when }}' })],
  [
    'wait for a signal',
    typed('wait', { signal: { name: 'paid', match: 'signal.amount > input.min' } }, { timeout: '7d' }),
  ],
  ['wait for a signal with a match in ${{ }}', typed('wait', { signal: { name: 'paid', match: '${{ signal.ok }}' } })],
  ['wait for an event', typed('wait', { event: { type: 'lead.scored', match: 'event.data.id == input.id' } })],
  [
    'approval',
    typed('approval', { title: 'Pay?', description: '${{ input.why }}', expiresIn: '2d', mock: { approved: true } }),
  ],
  [
    'parallel',
    typed('parallel', {
      branches: { x: [transform('i', 1), transform('j', '${{ steps.i.output }}')], y: [transform('k', 1)] },
    }),
  ],
  [
    'parallel that reads what ran before',
    {
      steps: [
        transform('z', 1),
        { id: 'f', type: 'parallel', with: { branches: { x: [transform('i', '${{ steps.z.output }}')] } } },
      ],
    },
  ],
  [
    'foreach',
    typed('foreach', { items: '${{ input.list }}', concurrency: 10, steps: [transform('i', '${{ [item, index] }}')] }),
  ],
  [
    'foreach in a branch',
    typed('parallel', {
      branches: { x: [{ id: 'e', type: 'foreach', with: { items: [1, 2], steps: [transform('i', '${{ item }}')] } }] },
    }),
  ],
  [
    'a wait in a loop that matches the item',
    typed('foreach', {
      items: [1],
      steps: [{ id: 'w', type: 'wait', with: { signal: { name: 's', match: 'signal.id == item' } } }],
    }),
  ],
];
