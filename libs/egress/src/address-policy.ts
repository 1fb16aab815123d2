import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [Address, number];

/** Networks and host names that an operator allows or denies on top of the built-in rules. */
export interface AddressRules {
  /** Exempts what the built-in rules forbid: CIDR networks, single addresses, host names, `*.example.com`. */
  readonly allow?: readonly string[];
  /** Forbids, also what `allow` names. */
  readonly deny?: readonly string[];
}

/** Special-purpose networks that ipaddr.js counts as ordinary ones (IANA special-purpose address registries). */
const SPECIAL = [
  '192.0.0.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '64:ff9b:1::/48',
  '100::/64',
  '100:0:0:1::/64',
  'fec0::/10',
  '5f00::/16',
].map((text) => ipaddr.parseCIDR(text) as Network);
/** Ranges of IPv6 that carry an IPv4 address, with the byte at which it starts. */
const EMBEDDING: readonly (readonly [Network, number])[] = [
  [ipaddr.parseCIDR('::ffff:0:0/96'), 12],
  [ipaddr.parseCIDR('::/96'), 12],
  [ipaddr.parseCIDR('64:ff9b::/96'), 12],
  [ipaddr.parseCIDR('2002::/16'), 2],
];

/** Decides to which hosts and addresses a connection may be opened. */
export class AddressPolicy {
  private readonly allow: Rules;
  private readonly deny: Rules;

  /** @throws Error with one clear line for an entry that cannot be read */
  constructor({ allow = [], deny = [] }: AddressRules) {
    this.allow = new Rules(allow);
    this.deny = new Rules(deny);
  }

  /** Whether a host name is denied or allowed by name; undefined where its addresses decide. */
  hostRule(host: string): 'allowed' | 'denied' | undefined {
    if (this.deny.hasHost(host)) return 'denied';
    return this.allow.hasHost(host) ? 'allowed' : undefined;
  }

  /** @param text an IP address in any form that the parser of the URL or the resolver gives */
  mayConnect(text: string, hostAllowed = false): boolean {
    if (!ipaddr.isValid(text)) return false;
    const address = plain(ipaddr.parse(text));
    if (this.deny.hasAddress(address)) return false;
    return hostAllowed || this.allow.hasAddress(address) || isPublic(address);
  }
}

class Rules {
  private readonly networks: Network[] = [];
  private readonly hosts = new Set<string>();
  private readonly suffixes: string[] = [];

  constructor(entries: readonly string[]) {
    for (const entry of entries.map((text) => text.trim()).filter((text) => text !== '')) this.add(entry);
  }

  hasHost(host: string): boolean {
    return this.hosts.has(host) || this.suffixes.some((suffix) => host.endsWith(suffix));
  }

  hasAddress(address: Address): boolean {
    return this.networks.some((network) => contains(network, address));
  }

  private add(entry: string): void {
    if (ipaddr.isValidCIDR(entry)) this.networks.push(ipaddr.parseCIDR(entry));
    else if (ipaddr.IPv4.isValidFourPartDecimal(entry) || ipaddr.IPv6.isValid(entry)) {
      const address = ipaddr.parse(entry);
      this.networks.push([address, address.kind() === 'ipv4' ? 32 : 128]);
    } else if (/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(entry) && !/^[\d.]+$/.test(entry)) {
      const host = entry.toLowerCase();
      if (host.startsWith('*.')) this.suffixes.push(host.slice(1));
      else this.hosts.add(host);
    } else throw new Error(`"${entry}" is not a network such as 10.0.0.0/8, an address, or a host name`);
  }
}

function isPublic(address: Address): boolean {
  return address.range() === 'unicast' && !SPECIAL.some((network) => contains(network, address));
}

/** The address that a connection really goes to: the IPv4 one inside a mapped, compatible, NAT64 or 6to4 form. */
function plain(address: Address): Address {
  if (address.kind() === 'ipv4') return address;
  const found = EMBEDDING.find(([network]) => contains(network, address));
  // `::` and `::1` lie in ::/96 and are special by themselves.
  if (!found || ['unspecified', 'loopback'].includes(address.range())) return address;
  return ipaddr.fromByteArray(address.toByteArray().slice(found[1], found[1] + 4));
}

function contains([network, bits]: Network, address: Address): boolean {
  return network.kind() === address.kind() && address.match(network, bits);
}
