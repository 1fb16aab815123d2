import { generateApiKey, hashApiKey, isWellFormedApiKey, verifyApiKey } from './agent-auth';

describe('API keys', () => {
  it('have the documented form, a checksum that holds, and differ', () => {
    const keys = Array.from({ length: 500 }, () => generateApiKey());
    for (const { key, prefix, hash } of keys) {
      expect(key).toMatch(/^mj_agent_[0-9A-Za-z]{33}$/);
      expect(isWellFormedApiKey(key)).toBe(true);
      expect(key.startsWith(prefix)).toBe(true);
      expect(verifyApiKey(key, hash)).toBe(true);
    }
    expect(new Set(keys.map(({ key }) => key)).size).toBe(500);
  });

  it('uses every base62 digit about equally often', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 2000; i++) {
      for (const digit of generateApiKey().key.slice(9, 36)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
    }
    const expected = (2000 * 27) / 62;
    expect(counts.size).toBe(62);
    for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(expected * 0.25);
  });

  it('refuses every single-character change, and other forms, without a look-up', () => {
    const { key } = generateApiKey();
    for (let at = 0; at < key.length; at++) {
      const other = key.charAt(at) === 'a' ? 'b' : 'a';
      expect(isWellFormedApiKey(key.slice(0, at) + other + key.slice(at + 1))).toBe(false);
    }
    for (const bad of ['', 'mj_agent_', ` ${key}`, `${key}\n`, key.toUpperCase(), `${key}A`, key.slice(0, -1)]) {
      expect(isWellFormedApiKey(bad)).toBe(false);
    }
  });

  it('hashes as SHA-256 does (FIPS 180-2 appendix B.1)', () => {
    expect(hashApiKey('abc').toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('does not verify against another hash, nor one that was cut', () => {
    const { key, hash } = generateApiKey();
    expect(verifyApiKey(key, generateApiKey().hash)).toBe(false);
    expect(verifyApiKey(key, hash.subarray(0, 16))).toBe(false);
  });
});
