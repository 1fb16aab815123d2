import { Shares } from './shares';

const roomOf = (shares: Shares, ids: readonly string[], nowMs = 0) =>
  Object.fromEntries(shares.rooms(ids, nowMs).map(({ subscriptionId, room }) => [subscriptionId, room]));

/** Begins deliveries in all the room that an endpoint has; answers their ids. */
function fill(shares: Shares, id: string, nowMs = 0): string[] {
  const room = roomOf(shares, [id], nowMs)[id] ?? 0;
  const deliveries = Array.from({ length: room }, (_, n) => `${id} ${nowMs} ${n}`);
  for (const delivery of deliveries) shares.begin(id, delivery);
  return deliveries;
}

/** Makes one delivery after the other, each with the same end. */
function deliver(shares: Shares, id: string, ok: boolean, times: number, nowMs = 0): void {
  for (let n = 0; n < times; n++) {
    shares.begin(id, `${id} ${n}`);
    shares.end(id, `${id} ${n}`, ok, nowMs);
  }
}

describe('the share of an endpoint', () => {
  it('begins small, grows with good answers up to a bound, and shrinks with failures', () => {
    const shares = new Shares(1000);
    expect(roomOf(shares, ['a'])).toEqual({ a: 4 });
    deliver(shares, 'a', true, 6);
    expect(roomOf(shares, ['a'])).toEqual({ a: 10 });
    deliver(shares, 'a', true, 100);
    expect(roomOf(shares, ['a'])).toEqual({ a: 64 });
    deliver(shares, 'a', false, 2);
    expect(roomOf(shares, ['a'])).toEqual({ a: 16 });
  });

  it('is what is not under way', () => {
    const shares = new Shares(1000);
    const [first = ''] = fill(shares, 'a');
    expect(roomOf(shares, ['a'])).toEqual({});
    shares.end('a', first, undefined, 0);
    expect(roomOf(shares, ['a'])).toEqual({ a: 1 });
  });

  it('ends for a while after ten failures in a row, longer each time, and one good answer opens it', () => {
    const shares = new Shares(1000);
    deliver(shares, 'a', false, 9, 1000);
    expect(roomOf(shares, ['a'], 1000)).toEqual({ a: 1 });
    deliver(shares, 'a', false, 1, 1000);
    expect(roomOf(shares, ['a'], 1999)).toEqual({});
    expect(roomOf(shares, ['a'], 2000)).toEqual({ a: 1 });
    deliver(shares, 'a', false, 1, 2000);
    expect(roomOf(shares, ['a'], 3999)).toEqual({});
    expect(roomOf(shares, ['a'], 4000)).toEqual({ a: 1 });
    deliver(shares, 'a', false, 20, 4000);
    expect(roomOf(shares, ['a'], 63_999)).toEqual({});
    expect(roomOf(shares, ['a'], 64_000)).toEqual({ a: 1 });
    deliver(shares, 'a', true, 1, 64_000);
    expect(roomOf(shares, ['a'], 64_000)).toEqual({ a: 2 });
  });

  it('is remembered for ten minutes after the last answer, and then begins anew', () => {
    const shares = new Shares(1000);
    deliver(shares, 'good', true, 6, 1000);
    deliver(shares, 'bad', false, 9, 1000);
    shares.forgetIdle(601_000);
    expect(roomOf(shares, ['good'], 601_000)).toEqual({ good: 10 });
    deliver(shares, 'bad', false, 1, 601_000);
    expect(roomOf(shares, ['bad'], 601_000)).toEqual({});
    shares.forgetIdle(601_001);
    expect(roomOf(shares, ['good', 'bad'], 601_001)).toEqual({ good: 4 });
  });

  it('is not forgotten while something is under way', () => {
    const shares = new Shares(1000);
    fill(shares, 'a');
    shares.forgetIdle(10_000_000);
    expect(roomOf(shares, ['a'])).toEqual({});
  });
});

describe('the places of a replica', () => {
  it('go to unproven endpoints up to a half, however many there are, so that proven ones always have room', () => {
    const shares = new Shares(40);
    deliver(shares, 'good', true, 40);
    const dead = Array.from({ length: 50 }, (_, n) => `dead ${n}`);
    for (const id of dead) fill(shares, id);
    expect(shares.inFlight).toBe(20);
    expect(roomOf(shares, [...dead, 'good'])).toEqual({ good: 20 });
  });

  it('are never more than there are', () => {
    const shares = new Shares(10);
    for (const id of ['a', 'b', 'c']) deliver(shares, id, true, 40);
    expect(roomOf(shares, ['a', 'b', 'c'])).toEqual({ a: 10 });
    fill(shares, 'a');
    expect(roomOf(shares, ['b', 'c'])).toEqual({});
  });

  it('come back as they were taken, also where the endpoint has proved itself meanwhile', () => {
    const shares = new Shares(8);
    const taken = fill(shares, 'a');
    expect(shares.inFlight).toBe(4);
    for (const id of taken) shares.end('a', id, true, 0);
    expect(shares.inFlight).toBe(0);
    expect(roomOf(shares, ['new'])).toEqual({ new: 4 });
  });
});
