import type { IncomingMessage } from 'node:http';
import { ClientAddresses, subscriberOf } from './client-address';

const request = (remoteAddress: string | undefined, forwarded?: string) =>
  ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage;

describe('the client of a request', () => {
  it('is the other end of the connection where no proxy is trusted, whatever it says', () => {
    const addresses = new ClientAddresses('');
    expect(addresses.of(request('203.0.113.7', '10.0.0.1'))).toBe('203.0.113.7');
    expect(addresses.of(request('::ffff:203.0.113.7'))).toBe('203.0.113.7');
    expect(addresses.of(request('fe80::1%eth0'))).toBe('fe80::1');
    expect(addresses.of(request(undefined))).toBeNull();
  });

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['1.2.3.4, 203.0.113.7', '203.0.113.7'],
    ['1.2.3.4, 203.0.113.7, 10.0.0.9', '203.0.113.7'],
    ['2001:db8::7', '2001:db8::7'],
    ['1.2.3.4, nonsense', '10.1.2.3'],
    ['nonsense, 203.0.113.7', '203.0.113.7'],
    ['10.0.0.8, 10.0.0.9', '10.0.0.8'],
    ['', '10.1.2.3'],
  ])('behind a trusted proxy, of %j is %s', (forwarded, expected) => {
    expect(new ClientAddresses('10.0.0.0/8, ::1').of(request('::ffff:10.1.2.3', forwarded))).toBe(expected);
  });

  it('refuses networks that are none', () => {
    for (const bad of ['10.0.0.0/40', 'proxy.example.com', '10.0.0.0/8;::1']) {
      expect(() => new ClientAddresses(bad)).toThrow('TRUSTED_PROXIES');
    }
  });
});

it('counts an IPv6 subscriber by its 64 bits', () => {
  expect(subscriberOf('2001:db8:1:2:3:4:5:6')).toBe(subscriberOf('2001:db8:1:2::1'));
  expect(subscriberOf('2001:db8:1:3::1')).not.toBe(subscriberOf('2001:db8:1:2::1'));
  expect(subscriberOf('203.0.113.7')).toBe('203.0.113.7');
});
