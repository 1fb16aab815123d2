import { ConfigError } from '@agent-platform/config';
import type { IncomingMessage } from 'node:http';
import ipaddr, { type IPv4, type IPv6 } from 'ipaddr.js';

type Network = [IPv4 | IPv6, number];

/** Tells the address of the client of a request, also behind proxies that the operator trusts. */
export class ClientAddresses {
  private readonly trusted: readonly Network[];

  /** @param networks separated by commas. @throws ConfigError for what is no network */
  constructor(networks: string) {
    this.trusted = networks
      .split(',')
      .map((text) => text.trim())
      .filter((text) => text !== '')
      .map((text) => {
        try {
          return text.includes('/') ? ipaddr.parseCIDR(text) : hostNetwork(text);
        } catch {
          throw new ConfigError([`TRUSTED_PROXIES must be networks such as 10.0.0.0/8, separated by commas`]);
        }
      });
  }

  /**
   * The last address that no trusted proxy has: what stands before it in `X-Forwarded-For` was written by the client itself.
   * IPv4 addresses that are mapped into IPv6 are shown as IPv4. Null when the connection has gone.
   */
  of({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): string | null {
    const peer = read(socket.remoteAddress ?? '');
    if (!peer) return null;
    if (!this.isTrusted(peer)) return peer.toString();
    const forwarded = headers['x-forwarded-for'];
    const addresses = typeof forwarded === 'string' ? forwarded.split(',').reverse() : [];
    let client = peer;
    for (const text of addresses) {
      const address = read(text.trim());
      if (!address) break;
      client = address;
      if (!this.isTrusted(address)) break;
    }
    return client.toString();
  }

  private isTrusted(address: IPv4 | IPv6): boolean {
    return this.trusted.some(([network, bits]) => address.kind() === network.kind() && address.match(network, bits));
  }
}

/** What one client is counted by: an IPv4 address, or of IPv6 the 64 bits that one subscriber has (RFC 6177). */
export function subscriberOf(address: string | null): string {
  const parsed = read(address ?? '');
  if (parsed?.kind() !== 'ipv6') return address ?? 'unknown';
  return (parsed as IPv6).parts.slice(0, 4).join(':');
}

/** The zone of a link-local address (RFC 4007 section 11) means something on this host only. */
function read(text: string): IPv4 | IPv6 | undefined {
  try {
    return ipaddr.process(text.replace(/%.*$/, ''));
  } catch {
    return undefined;
  }
}

function hostNetwork(text: string): Network {
  const address = ipaddr.parse(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
