import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { ExpressionError, ExpressionErrors, type ExpressionProblem } from './errors';
import type { Json, Scope } from './json';
import { compileTemplate, evaluateCondition } from './template';

const SCOPE: Scope = {
  input: { leadId: 'lead-7', visits: 7, list: [1, 2, 3], nothing: null, odd: { 'a-b': 1 } },
  steps: { lead: { output: { body: { visits: 7 } } }, score: { output: { points: 14 } } },
  run: { id: 'run-1' },
};

const compile = (value: Json) => compileTemplate(value, 'with', { variables: ['input', 'steps', 'run'] });
const evaluate = (value: Json, scope: Scope = SCOPE): Json => compile(value).evaluate(scope);
function problemsOf(value: Json): readonly ExpressionProblem[] {
  try {
    compile(value);
  } catch (error) {
    if (error instanceof ExpressionErrors) return error.problems;
    throw error;
  }
  return [];
}

describe('templates', () => {
  it.each<[Json, Json]>([
    ['${{ steps.lead.output.body.visits * 2 }}', 14],
    ['  ${{ input.list }}  ', [1, 2, 3]],
    ['https://crm.example.com/leads/${{ input.leadId }}', 'https://crm.example.com/leads/lead-7'],
    ['${{ input.visits }}/${{ input.visits + 1 }}', '7/8'],
    ['[${{ input.nothing }}] ${{ input.list }}', '[] [1,2,3]'],
    ['${{ 1 + 1.5 }}', 2.5],
    ['${{ input.visits / 2 }}', 3.5],
    ['${{ input.visits % 2 == 1 }}', true],
    ['${{ size(input.list) }}', 3],
    ['${{ {"a": {"b": 1}} }}', { a: { b: 1 } }],
    ['${{ "}}" }}', '}}'],
    ["${{ 'it\\'s }}' }}", "it's }}"],
    ['$${{ not an expression }}', '${{ not an expression }}'],
    ['${{ input.list.map(x, x * 2) }}', [2, 4, 6]],
    ['${{ has(input.missing) ? 1 : 2 }}', 2],
    [{ deep: [{ at: '${{ run.id }}' }] }, { deep: [{ at: 'run-1' }] }],
    ['plain', 'plain'],
    ['', ''],
  ])('%j becomes %j', (value, expected) => {
    expect(evaluate(value)).toEqual(expected);
  });

  it('keeps any JSON value as it is when the string is one expression', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const json = JSON.parse(JSON.stringify(value)) as Json;
        expect(evaluate('${{ input }}', { ...SCOPE, input: json })).toEqual(json);
      }),
    );
  });

  it('leaves every value without an expression as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const json = JSON.parse(JSON.stringify(value).replaceAll('${{', '$')) as Json;
        expect(evaluate(json)).toEqual(json);
      }),
    );
  });

  it('knows which steps are read', () => {
    const { stepRefs } = compile({ a: '${{ steps.lead.output.x + steps["score"].output }}', b: ['${{ steps.c }}'] });
    expect([...stepRefs].sort()).toEqual(['c', 'lead', 'score']);
  });

  it('names path, line, column and a hint of each mistake', () => {
    expect(problemsOf({ a: ['${{ input.x === 3 }}'], b: 'one\n  ${{ inptu.x }}' })).toEqual([
      expect.objectContaining({
        path: 'with.a[0]',
        line: 1,
        column: 15,
        hint: expect.stringContaining('==') as string,
      }),
      expect.objectContaining({
        path: 'with.b',
        line: 2,
        hint: 'The known names are input, steps, run; text needs quotes.',
      }),
    ]);
  });

  it.each([
    '${{ }}',
    '${{ input.x',
    '${{ "unterminated }}',
    '${{ input.x = 1 }}',
    '${{ input.x & 1 }}',
    '${{ item }}',
    '${{ process.env }}',
    '${{ input. }}',
    '${{ "a".matches("(a+)+b") }}',
  ])('refuses %s', (text) => {
    expect(problemsOf(text)).toHaveLength(1);
  });

  it.each([
    ['too deep', `\${{ ${'('.repeat(100)}1${')'.repeat(100)} }}`],
    ['of too many parts', `\${{ ${'1+'.repeat(2000)}1 }}`],
    ['too long', `\${{ ${'a'.repeat(5000)} }}`],
  ])('refuses an expression that is %s', (_what, text) => {
    expect(problemsOf(text)).toHaveLength(1);
  });

  it.each([
    ['${{ input.missing }}', "There is no key 'missing' in input"],
    ['${{ input.constructor }}', 'There is no key'],
    ['${{ input.__proto__ }}', 'There is no key'],
    ['${{ input.visits + "x" }}', 'no such overload'],
    ['${{ input.visits / 0 }}', 'Division by zero'],
    ['${{ 9007199254740993 }}', 'too large to be exact'],
  ])('%s fails with the expression and its position', (text, message) => {
    const template = compile(text);
    expect(() => template.evaluate(SCOPE)).toThrow(ExpressionError);
    expect(() => template.evaluate(SCOPE)).toThrow(message);
  });

  it('treats a key named __proto__ as data', () => {
    const input = JSON.parse('{"__proto__": {"polluted": true}}') as Json;
    const result = evaluate('${{ input }}', { ...SCOPE, input });
    expect(Object.keys(result as object)).toEqual(['__proto__']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('is a condition when it is true or false, and says what it is otherwise', () => {
    expect(evaluateCondition(compile('${{ input.visits > 3 }}'), SCOPE)).toBe(true);
    expect(() => evaluateCondition(compile('${{ input.visits }}'), SCOPE)).toThrow('but it is a number');
  });

  it.each<[string, Json, Json]>([
    ['a key named constructor', '${{ input.a }}', { constructor: 1, a: 2 }],
    ['a literal with one', '${{ {"constructor": 1, "a": 2}.a }}', {}],
    ['whole and decimal numbers that are equal', '${{ size(input.list) == 2.0 ? 2 : 0 }}', { list: [1, 2] }],
    ['a position that comes from JSON', '${{ size("abcd".substring(0, input.n)) }}', { n: 2 }],
  ])('works with %s', (_what, text, input) => {
    expect(evaluate(text, { ...SCOPE, input })).toBe(2);
  });

  it('does not take a variable of a loop for a step', () => {
    expect([...compile('${{ input.list.map(steps, steps.x) }}').stepRefs]).toEqual([]);
  });

  const list = Array.from({ length: 2000 }, (_, index) => index);
  const keys = Object.fromEntries(list.map((index) => [`k${index}`, index]));
  it.each<[string, string, Json, string]>([
    ['nested loops', 'input.map(a, input.map(b, input.map(c, 1)))', list, 'too expensive'],
    ['nested loops over keys', 'input.map(a, input.map(b, input.map(c, 1)))', keys, 'too expensive'],
    [
      'nested loops over a split text',
      'input.split("").map(a, input.split("").map(b, input.split("").map(c, 1)))',
      'x'.repeat(2000),
      'too expensive',
    ],
    ['lists that double', `[[1]]${'.map(a, a + a)'.repeat(26)}`, null, 'too expensive'],
    ['lists of lists that double', `[1]${'.map(a, [a, a])'.repeat(60)}`, null, 'too expensive'],
    ['a text that grows', Array.from({ length: 50 }, () => 'input').join(' + '), 'x'.repeat(100_000), 'longer than'],
    [
      'a search in a loop',
      'input.l.map(a, input.s.contains(input.t))',
      { l: list, s: 'a'.repeat(400_000), t: `${'a'.repeat(5000)}b` },
      'too expensive',
    ],
    ['a duration of many digits', 'duration(input)', `${'1'.repeat(4000)}s`, 'takes at most 64 characters'],
  ])('ends %s, which would take minutes or all memory, with a clear error', (_what, source, input, problem) => {
    const bomb = compile(`\${{ ${source} }}`);
    expect(() => bomb.evaluate({ ...SCOPE, input })).toThrow(problem);
  });

  it('names what nests too deep instead of running out of stack', () => {
    let deep: Json = '${{ input.x }}';
    for (let level = 0; level < 20_000; level++) deep = [deep];
    expect(problemsOf(deep)[0]?.message).toContain('nests deeper');
  });

  it('keeps nothing of the unknown names that it refused', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const grown = () => {
      collectGarbage();
      const before = process.memoryUsage().heapUsed;
      for (let n = 0; n < 20_000; n++) problemsOf(`\${{ unknown${n}_${'x'.repeat(200)}(1) }}`);
      collectGarbage();
      return process.memoryUsage().heapUsed - before;
    };
    grown();
    // One kept name has 200 characters: 4 MB if all of them were kept.
    expect(grown()).toBeLessThan(1024 * 1024);
  });
});

it('lets a variable have the name of a CEL type', () => {
  const template = compileTemplate('${{ type == "lead.scored" && string(1) == "1" }}', 'filter', {
    variables: ['type'],
  });
  expect(template.evaluate({ type: 'lead.scored' })).toBe(true);
});
