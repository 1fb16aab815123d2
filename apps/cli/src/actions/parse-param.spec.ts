import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ParamKind } from './param-kind';
import { parseParam } from './parse-param';

const parse = (kind: Partial<ParamKind> & Pick<ParamKind, 'kind'>, raw: string | string[], stdin = '') =>
  parseParam({ nullable: false, ...kind }, raw, '--it', () => Promise.resolve(stdin));
const words = { kind: 'list', item: { kind: 'text', nullable: false } } as const;
const objects = { kind: 'list', item: { kind: 'json', nullable: false } } as const;

it.each([
  ['a number', { kind: 'integer' }, '-3', -3],
  ['the word null as text', { kind: 'text' }, 'null', 'null'],
  ['null where that is allowed', { kind: 'text', nullable: true }, 'null', null],
  ['words with commas', words, 'a, b', ['a', 'b']],
  ['an empty list', words, '', []],
  ['a JSON array', words, '["a,b"]', ['a,b']],
  ['objects of a list', objects, ['{"a":1}', '[{"b":2}]'], [{ a: 1 }, { b: 2 }]],
  ['repeated words', words, ['a', 'b,c'], ['a', 'b', 'c']],
  ['JSON that is no object', { kind: 'json' }, '[1,"x"]', [1, 'x']],
] as const)('takes %s', async (_what, kind, raw, value) => {
  expect(await parse(kind, raw as string)).toEqual(value);
});

it('reads JSON from a file and from standard input', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'agentctl-')), 'a.json');
  writeFileSync(file, '\uFEFF{"a": 1}');
  expect(await parse({ kind: 'json' }, `@${file}`)).toEqual({ a: 1 });
  expect(await parse({ kind: 'json' }, '-', '{"a": 2}')).toEqual({ a: 2 });
});

it.each([
  [{ kind: 'integer' }, '1.5'],
  [{ kind: 'integer' }, '0x10'],
  [{ kind: 'integer' }, ''],
  [{ kind: 'number' }, ' '],
  [{ kind: 'choice', choices: ['a'] }, 'A'],
  [{ kind: 'json' }, '{a: 1}'],
] as const)('refuses %j %j', async (kind, raw) => {
  await expect(parse(kind, raw)).rejects.toThrow('--it must be');
});
