import { EXAMPLE_DEFINITION } from '@agent-platform/contracts';
import { checkDefinition } from './check-definition';
import { linesOf, placeOfError } from './json-lines';

const TEXT = `{
  "name": "greet",
  "steps": [
    { "id": "a", "type": "http",
      "with": { "method": "GET" }, "extra/~field": 1 },
    {
      "id": "b", "type": "odd", "timeout": "soon"
    },
    { "id": "c", "type": "wait", "with": {} }
  ]
}`;

it('takes the example of the specification', async () => {
  expect(await checkDefinition(EXAMPLE_DEFINITION)).toEqual([]);
});

it('names each wrong path with its line', async () => {
  const problems = await checkDefinition(JSON.parse(TEXT), { text: TEXT, pointer: '' });
  expect(problems.map(({ path, line }) => `${line} ${path}`).sort()).toEqual([
    '5 steps[0].extra/~field',
    '5 steps[0].with.url',
    '7 steps[1].timeout',
    '7 steps[1].type',
    '9 steps[2].with',
  ]);
  expect(problems.find(({ path }) => path === 'steps[2].with')?.message).toContain('exactly one of duration, until');
});

it('knows the lines where the definition is part of the text', async () => {
  const text = `{\n"description": "}, [\\" steps",\n"definition": ${TEXT}\n}`;
  const [{ line } = {}] = await checkDefinition(JSON.parse(TEXT), { text, pointer: '/definition' });
  expect(line).toBe(7);
});

it('knows the line of every value of a text', () => {
  const text = '[1,\n{"a":\n[true,\n"x, y"],"b/c":{}},\nnull]';
  expect([...linesOf(text)]).toEqual([
    ['', 1],
    ['/0', 1],
    ['/1', 2],
    ['/1/a', 2],
    ['/1/a/0', 3],
    ['/1/a/1', 4],
    ['/1/b~1c', 4],
    ['/2', 5],
  ]);
});

it('says where a text stops being JSON', () => {
  const place = (text: string) => {
    try {
      JSON.parse(text);
    } catch (error) {
      return placeOfError(text, error as Error);
    }
  };
  expect(place('{\n  "a": 1,\n  }')).toBe('line 3, column 3');
  expect(place('{\n  "a": [')).toBe('line 2, column 9');
});
