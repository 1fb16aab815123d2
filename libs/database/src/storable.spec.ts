import fc from 'fast-check';
import { storable } from './storable';

it.each<[string, string]>([
  ['x\0y', 'x\ufffdy'],
  ['\0\0', '\ufffd\ufffd'],
  ['\ud83d', '\ufffd'],
  ['\ude00\ud83d', '\ufffd\ufffd'],
  ['\ud83d\ude00', '\ud83d\ude00'],
  ['\\u0000', '\\u0000'],
  ['\\\0', '\\\ufffd'],
  ['\\\\ud800', '\\\\ud800'],
])('%j becomes %j', (text, expected) => {
  expect(JSON.parse(storable(JSON.stringify(text)))).toBe(expected);
});

it('leaves nothing that cannot be stored, and changes nothing else', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const expected = JSON.stringify(value, (_key, item: unknown) =>
        typeof item === 'string' ? item.toWellFormed().replaceAll('\0', '\ufffd') : item,
      );
      fc.pre(!/"[^"]*\\u(0000|d[89a-f])[^"]*":/.test(expected));
      expect(JSON.parse(storable(JSON.stringify(value)))).toEqual(JSON.parse(expected));
    }),
  );
});
