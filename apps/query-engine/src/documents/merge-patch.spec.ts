import type { JsonObject } from '@agent-platform/contracts';
import { mergePatch } from './merge-patch';

/** The cases of RFC 7396, appendix A, whose target and patch are objects. */
const CASES: readonly (readonly [target: string, patch: string, result: string])[] = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  [
    '{"a":1}',
    '{"__proto__":{"polluted":true},"constructor":2}',
    '{"a":1,"__proto__":{"polluted":true},"constructor":2}',
  ],
];

it.each(CASES)('%s changed by %s is %s', (target, patch, result) => {
  const merged = mergePatch(JSON.parse(target) as JsonObject, JSON.parse(patch) as JsonObject);
  expect(JSON.stringify(merged)).toBe(result);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});
