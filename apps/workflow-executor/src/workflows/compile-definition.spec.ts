import type { Json, JsonObject } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import fc from 'fast-check';
import { compileDefinition } from './compile-definition';
import { BAD_DEFINITIONS, one, transform, VALID_DEFINITIONS } from './compile-definition.cases';

/** The failing paths of a definition, with their messages. */
function problemsOf(definition: JsonObject): Record<string, string> {
  try {
    compileDefinition(definition);
    return {};
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'workflow.definition.invalid') throw error;
    return Object.fromEntries((error.options.errors ?? []).map(({ path, message }) => [path, message]));
  }
}

it.each(VALID_DEFINITIONS)('takes %s', (_what, definition) => {
  expect(problemsOf(definition)).toEqual({});
});

it.each(BAD_DEFINITIONS)('refuses %s, naming %s', (_what, path, definition) => {
  expect(Object.keys(problemsOf(definition))).toContain(path);
});

it('has enough of both', () => {
  expect(BAD_DEFINITIONS.length).toBeGreaterThanOrEqual(200);
  expect(VALID_DEFINITIONS.length).toBeGreaterThanOrEqual(40);
});

it('names every failing path at once', () => {
  const problems = problemsOf({
    name: ' ',
    steps: [
      { id: '1', type: 'http', with: { url: 5 } },
      { id: 'b', type: 'nothing' },
    ],
    output: '${{ nobody }}',
  });
  expect(Object.keys(problems).sort()).toEqual(['name', 'output', 'steps[0].id', 'steps[0].with.url', 'steps[1].type']);
});

it.each<[string, string, JsonObject, RegExp]>([
  ['line and column', 'steps[0].with.value', one(transform('a', 'x\n ${{ input. }}')), /line 2, column/],
  ['a hint for ===', 'steps[0].with.value', one(transform('a', '${{ input.a === 1 }}')), /==/],
  [
    'what to do about a step that does not run before',
    'steps[0].with',
    { steps: [transform('a', '${{ steps.b.output }}'), transform('b', 1)] },
    /add it to needs/,
  ],
  [
    'where inner steps are read',
    'steps[1].with',
    {
      steps: [
        { id: 'fan', type: 'parallel', with: { branches: { x: [transform('inner', 1)] } } },
        transform('after', '${{ steps.inner.output }}'),
      ],
    },
    /read as the output of that one/,
  ],
  ['the cycle', 'steps[0].needs', { steps: [transform('a', 1, { needs: ['b'] }), transform('b', 1)] }, /a → b → a/],
  ['that retry is for repeating', 'steps[0].onError.goto', one(transform('a', 1, { onError: { goto: 'a' } })), /retry/],
  ['which types there are', 'steps[0].type', one({ id: 'a', type: 'shell', with: {} }), /http, integration/],
])('says %s', (_what, path, definition, message) => {
  expect(problemsOf(definition)[path]).toMatch(message);
});

it('answers at most 100 problems', () => {
  const steps = Array.from({ length: 1000 }, () => ({ id: 'same', type: 'transform', with: { value: 1 } }));
  expect(() => compileDefinition({ steps })).toThrow(/and 998 more/);
});

it('gives the defaults of SPEC section 6', () => {
  const { steps } = compileDefinition(
    JSON.parse(
      '{"steps":[{"id":"a","type":"http","with":{"url":"http://x"}},{"id":"w","type":"wait","with":{"duration":"1h"}}]}',
    ) as JsonObject,
  );
  expect(steps[0]).toMatchObject({ needs: [], timeoutMs: 60_000, onError: 'fail', capability: 'workflow_execute' });
  expect(steps[0]?.retry).toMatchObject({ maxAttempts: 3, jitter: 0.2 });
  expect(steps[1]).toMatchObject({ needs: ['a'], timeoutMs: undefined });
});

it('never fails in any other way, whatever it is given', () => {
  const keys = ['steps', 'id', 'type', 'with', 'needs', 'onError', 'branches', 'items', 'signal', 'match', 'value'];
  const json = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom<Json>(null, true, 7, 'a', '${{ steps.a }}', 'foreach', 'parallel', 'wait', '${{ (', '5s'),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 4 }) as fc.Arbitrary<JsonObject>,
    ),
  })).value;
  fc.assert(
    fc.property(fc.array(json, { maxLength: 3 }), json, (steps, output) => {
      problemsOf({ steps, output });
    }),
    { numRuns: 500 },
  );
});
