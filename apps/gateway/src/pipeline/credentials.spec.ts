import { generateApiKey } from '@agent-platform/shared-security';
import { readCredentials } from './credentials';

const { key } = generateApiKey();
const read = (headersDistinct: Record<string, string[]>) => readCredentials({ headersDistinct });

describe('readCredentials', () => {
  it('takes a key from either header', () => {
    expect(read({ authorization: [`Bearer ${key}`] })).toEqual({ key });
    expect(read({ authorization: [`bearer ${key}`] })).toEqual({ key });
    expect(read({ 'x-agent-key': [key] })).toEqual({ key });
  });

  it('refuses none, and more than one, even where they are equal', () => {
    expect(read({})).toEqual({ refused: 'missing' });
    expect(read({ authorization: [`Bearer ${key}`], 'x-agent-key': [key] })).toEqual({ refused: 'ambiguous' });
    expect(read({ 'x-agent-key': [key, key] })).toEqual({ refused: 'ambiguous' });
  });

  const other = key.endsWith('0') ? '1' : '0';
  it.each([
    ['of another scheme', `Basic ${key}`],
    ['without scheme', key],
    ['with a wrong checksum', `Bearer ${key.slice(0, -1)}${other}`],
    ['too long', `Bearer ${key}0`],
    ['with a blank', `Bearer ${key} `],
    ['with a look-alike letter', `Bearer ${key.replace('a', 'а')}`],
    ['empty', ''],
    ['of 64 KiB', `Bearer ${'a'.repeat(65_536)}`],
  ])('refuses one %s before anything is looked up', (_what, value) => {
    expect(read({ authorization: [value] })).toEqual({ refused: 'malformed' });
  });
});
