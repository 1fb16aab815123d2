import { childTraceparent, makeTraceparent, parseTraceparent, unrecorded } from './trace-context';

describe('trace context', () => {
  it('makes a valid traceparent, and a child with the same trace and flags', () => {
    const parent = makeTraceparent();
    const child = childTraceparent(parent) ?? '';
    expect(parent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(child.slice(0, 36)).toBe(parent.slice(0, 36));
    expect(child).not.toBe(parent);
    const recorded = parent.replace(/00$/, '01');
    expect(childTraceparent(recorded)?.slice(-2)).toBe('01');
    expect(unrecorded(recorded)).toBe(parent);
  });

  it.each([
    '',
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
    '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01',
    '01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra',
  ])('ignores %p', (parent) => {
    expect(childTraceparent(parent)).toBeUndefined();
  });

  it('reads the example of the specification', () => {
    expect(parseTraceparent('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')).toEqual({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      parentId: '00f067aa0ba902b7',
      sampled: true,
    });
  });

  it('hands on no flag but the sampled one', () => {
    expect(childTraceparent('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff')?.slice(-2)).toBe('01');
    expect(childTraceparent('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe')?.slice(-2)).toBe('00');
  });
});
