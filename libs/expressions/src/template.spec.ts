import fc from 'fast-check';
import { ExpressionError } from './errors';
import type { Json } from './json';
import { compileTemplate, type Scope, type Template } from './template';

const SCOPE: Scope = {
  input: { leadId: 'lead-7', visits: 7, list: [1, 2, 3], nothing: null, odd: { 'a-b': 1 } },
  steps: { lead: { output: { body: { visits: 7 } } }, score: { output: { points: 14 } } },
  run: { id: 'run-1' },
};

function compile(value: Json): Template {
  const result = compileTemplate(value, 'with');
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.template;
}
const evaluate = (value: Json, scope: Scope = SCOPE): Json => compile(value).evaluate(scope);
function problemsOf(value: Json) {
  const result = compileTemplate(value, 'with');
  return 'problems' in result ? result.problems : [];
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
      expect.objectContaining({ path: 'with.b', line: 2, hint: 'The names here are input, steps, run.' }),
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
    ['${{ input.missing }}', 'No such key: missing'],
    ['${{ input.constructor }}', 'No such key'],
    ['${{ input.__proto__ }}', 'No such key'],
    ['${{ input.visits + "x" }}', 'no such overload'],
    ['${{ input.visits / 0 }}', 'finite'],
    ['${{ 9007199254740993 }}', '2^53'],
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

  it('ends a bomb of nested loops with a clear error', () => {
    const list = Array.from({ length: 2000 }, (_, index) => index);
    const bomb = compile('${{ input.list.map(a, input.list.map(b, input.list.map(c, 1))) }}');
    expect(() => bomb.evaluate({ ...SCOPE, input: { list } })).toThrow('loops inside loops');
  });

  it('ends a result that grows too large', () => {
    const text = 'x'.repeat(1024 * 1024);
    const bomb = compile(`\${{ ${Array.from({ length: 50 }, () => 'input.text').join(' + ')} }}`);
    expect(() => bomb.evaluate({ ...SCOPE, input: { text } })).toThrow('too large');
  });
});
