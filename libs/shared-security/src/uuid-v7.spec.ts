import { isUuid, uuidV7 } from './uuid-v7';

describe('uuidV7', () => {
  it('has version 7, the RFC variant and the time in front', () => {
    for (let i = 0; i < 1000; i++) {
      expect(uuidV7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    // The example of RFC 9562 appendix A.6: 2022-02-22T19:22:22Z.
    expect(uuidV7(0x017f22e279b0).slice(0, 13)).toBe('017f22e2-79b0');
  });

  it('does not repeat', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => uuidV7(1))).size).toBe(10_000);
  });

  it('knows a UUID from other text', () => {
    expect(isUuid(uuidV7())).toBe(true);
    for (const bad of ['', '1', `${uuidV7()} `, uuidV7().replace('-', ''), 'g'.repeat(36)])
      expect(isUuid(bad)).toBe(false);
  });
});
