import { Socket } from 'node:net';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EgressClient } from './egress-client';

/** What a socket was told to connect to. */
interface Connect {
  readonly host?: string;
  readonly port?: number | string;
  readonly lookup?: (
    name: string,
    options: object,
    done: (error: Error | null, found: { address: string }[]) => void,
  ) => void;
}

/** Every address that a connection would have been opened to: nothing leaves this machine but what goes to `passes`. */
let connected: string[];
let passes: string | undefined;

beforeEach(() => {
  connected = [];
  passes = undefined;
  const real = Socket.prototype.connect as (...args: unknown[]) => Socket;
  jest.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...args: unknown[]) {
    const [first] = args as [Connect | [Connect]];
    const options = Array.isArray(first) ? first[0] : first;
    const host = options.host ?? 'localhost';
    const note = (address: string) => {
      connected.push(address);
      process.nextTick(() => this.destroy(Object.assign(new Error('recorded'), { code: 'ECONNREFUSED' })));
    };
    if (`${host}:${options.port}` === passes) return real.apply(this, args);
    if (/^[\d.]+$/.test(host) || host.includes(':') || !options.lookup) note(host);
    else {
      options.lookup(host, { all: true }, (error, found) => {
        if (error) process.nextTick(() => this.destroy(error));
        else found.forEach(({ address }) => note(address));
      });
    }
    return this;
  });
});
afterEach(() => jest.restoreAllMocks());

/** Names resolve as a hostile name server would have it. */
function clientFor(answers: readonly string[] = ['93.184.216.34'], allow: string[] = []): EgressClient {
  let asked = 0;
  const lookup = ((_name: string, _options: object, done: (error: null, found: object[]) => void) => {
    const address = answers[asked++ % answers.length] ?? '';
    done(null, [{ address, family: address.includes(':') ? 6 : 4 }]);
  }) as never;
  return new EgressClient({ lookup, allow });
}

async function codeOf(client: EgressClient, url: string): Promise<string> {
  try {
    await client.request({ method: 'GET', url, timeoutMs: 2000 });
    return 'answered';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await client.close();
  }
}

const parts = (address: string) => address.split('.').map(Number) as [number, number, number, number];
const numberOf = (address: string) => parts(address).reduce((sum, part) => sum * 256 + part, 0);
const hexPairs = (address: string) => {
  const hex = parts(address).map((part) => part.toString(16).padStart(2, '0'));
  return `${hex[0]}${hex[1]}:${hex[2]}${hex[3]}`;
};
const circled = (text: string) =>
  [...text]
    .map((c) => (c === '0' ? '⓪' : c >= '1' && c <= '9' ? String.fromCodePoint(0x2460 + Number(c) - 1) : c))
    .join('');
const fullwidth = (text: string) =>
  [...text].map((c) => String.fromCodePoint(c === '.' ? 0xff0e : c.charCodeAt(0) - 0x30 + 0xff10)).join('');

/** Ways to write an IPv4 address that some parser takes for it. */
const FORMS: readonly ((address: string) => string)[] = [
  (a) => a,
  (a) => `${a}.`,
  (a) => String(numberOf(a)),
  (a) => `0x${numberOf(a).toString(16)}`,
  (a) => `0${numberOf(a).toString(8)}`,
  (a) =>
    parts(a)
      .map((part) => `0x${part.toString(16)}`)
      .join('.'),
  (a) =>
    parts(a)
      .map((part) => `0${part.toString(8)}`)
      .join('.'),
  (a) => `${parts(a)[0]}.${numberOf(a) % 2 ** 24}`,
  (a) => `${parts(a)[0]}.${parts(a)[1]}.${numberOf(a) % 2 ** 16}`,
  (a) => `0x${parts(a)[0].toString(16)}.${numberOf(a) % 2 ** 24}`,
  (a) => circled(a),
  (a) => fullwidth(a),
  (a) => a.replaceAll('.', '。'),
  (a) => [...a].map((c) => `%${c.charCodeAt(0).toString(16)}`).join(''),
  (a) => `[::ffff:${a}]`,
  (a) => `[::ffff:${hexPairs(a)}]`,
  (a) => `[0:0:0:0:0:ffff:${hexPairs(a)}]`,
  (a) => `[::${hexPairs(a)}]`,
  (a) => `[64:ff9b::${hexPairs(a)}]`,
  (a) => `[64:ff9b::${a}]`,
  (a) => `[2002:${hexPairs(a)}::]`,
  (a) => `[2002:${hexPairs(a)}::1]`,
];
const IPV4 = [
  '127.0.0.1',
  '169.254.169.254',
  '10.1.2.3',
  '192.168.0.1',
  '172.16.0.1',
  '100.64.0.1',
  '0.0.0.0',
  '198.18.0.1',
];
const OTHERS = [
  ...[
    '127.255.255.255',
    '172.31.255.255',
    '169.254.0.1',
    '169.254.170.2',
    '100.100.100.200',
    '100.127.255.255',
    '192.0.0.1',
  ],
  ...[
    '192.0.2.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '192.88.99.1',
    '224.0.0.1',
    '239.255.255.255',
  ],
  ...[
    '240.0.0.1',
    '255.255.255.255',
    '0.1.2.3',
    '127.1',
    '127.0.1',
    '0',
    '00',
    '0x0',
    '0x7f.1',
    '017700000001',
    '127.0.0.1:80',
  ],
  ...[
    '[::]',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::0001]',
    '[fe80::1]',
    '[febf::1]',
    '[fec0::1]',
    '[fc00::1]',
    '[fd12:3456::1]',
  ],
  ...[
    '[fd00:ec2::254]',
    '[ff02::1]',
    '[ff0e::1]',
    '[64:ff9b:1::1]',
    '[2001::1]',
    '[2001:db8::1]',
    '[100::1]',
    '[100:0:0:1::1]',
  ],
  ...['[5f00::1]', '[::ffff:0:127.0.0.1]', '[2001:0:7f00:1::]', '[3fff::1]'],
];
const URLS = [...new Set([...IPV4.flatMap((address) => FORMS.map((form) => form(address))), ...OTHERS])].map(
  (host, index) => `${index % 3 === 2 ? 'https' : 'http'}://${host}/`,
);

describe('special addresses', () => {
  it('are tried in more than 200 forms', () => expect(URLS.length).toBeGreaterThan(200));

  it.each(URLS)('no connection is opened for %s', async (url) => {
    expect(await codeOf(clientFor(), url)).toMatch(/^egress\.(address\.forbidden|url\.invalid)$/);
    expect(connected).toEqual([]);
  });

  const HIDDEN = [
    '127.0.0.1',
    '169.254.169.254',
    '10.0.0.1',
    '0.0.0.0',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    'fd00::1',
    'fe80::1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '100.64.0.1',
  ];

  it.each(HIDDEN)('no connection is opened for a name that resolves to %s', async (address) => {
    expect(await codeOf(clientFor([address]), 'http://rebind.example/')).toBe('egress.address.forbidden');
    expect(connected).toEqual([]);
  });

  it.each(['127.0.0.1', '169.254.169.254', '::1'])(
    'what was checked is what is connected to, though the name goes on to %s',
    async (address) => {
      const client = clientFor(['93.184.216.34', address]);
      for (let round = 0; round < 3; round++) {
        await client.request({ method: 'GET', url: 'http://rebind.example/', timeoutMs: 1000 }).catch(() => undefined);
      }
      await client.close();
      expect(new Set(connected)).toEqual(new Set(['93.184.216.34']));
    },
  );

  describe('behind a redirect', () => {
    let server: Server;
    let location: string;
    beforeEach(async () => {
      server = createServer((_request, response) => response.writeHead(302, { location }).end()).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      passes = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterEach(() => {
      server.close();
      server.closeAllConnections();
    });

    it.each([
      'http://169.254.169.254/latest/meta-data',
      'http://10.0.0.1/',
      'http://[::1]/',
      'http://0x0a000001/',
      'http://[::ffff:10.0.0.1]/',
      '//192.168.0.1/',
      'http://rebind.example/',
      'file:///etc/passwd',
      'gopher://10.0.0.1/',
      'http://user:pw@10.0.0.1/',
    ])('no connection is opened for %s', async (to) => {
      location = to;
      const client = clientFor(['10.0.0.9'], ['127.0.0.1']);
      expect(await codeOf(client, `http://${passes}/`)).toMatch(/^egress\.(address\.forbidden|url\.invalid)$/);
      expect(connected).toEqual([]);
    });
  });
});

describe('near misses still work', () => {
  it.each([
    ['http://8.8.8.8/', '8.8.8.8'],
    ['http://9.255.255.255/', '9.255.255.255'],
    ['http://11.0.0.1/', '11.0.0.1'],
    ['http://126.255.255.255/', '126.255.255.255'],
    ['http://128.0.0.1/', '128.0.0.1'],
    ['http://172.15.255.255/', '172.15.255.255'],
    ['http://172.32.0.1/', '172.32.0.1'],
    ['http://192.167.255.255/', '192.167.255.255'],
    ['http://192.169.0.1/', '192.169.0.1'],
    ['http://169.253.255.255/', '169.253.255.255'],
    ['http://169.255.0.1/', '169.255.0.1'],
    ['http://100.63.255.255/', '100.63.255.255'],
    ['http://100.128.0.1/', '100.128.0.1'],
    ['http://198.17.255.255/', '198.17.255.255'],
    ['http://198.20.0.1/', '198.20.0.1'],
    ['http://223.255.255.255/', '223.255.255.255'],
    ['http://134744072/', '8.8.8.8'],
    ['http://0x8080808/', '8.8.8.8'],
    ['http://8.8.2056/', '8.8.8.8'],
    ['http://[2606:4700::1111]/', '2606:4700::1111'],
    ['http://[2a00:1450:4001::1]/', '2a00:1450:4001::1'],
    ['http://[::ffff:8.8.8.8]/', '::ffff:808:808'],
    ['http://[2002:808:808::1]/', '2002:808:808::1'],
    ['http://[64:ff9b::808:808]/', '64:ff9b::808:808'],
    ['https://example.com/', '93.184.216.34'],
    ['http://127.0.0.1.example.com/', '93.184.216.34'],
    ['http://localhost.example.com/', '93.184.216.34'],
    ['http://bücher.example/', '93.184.216.34'],
  ])('%s is connected to', async (url, address) => {
    expect(await codeOf(clientFor(), url)).toBe('egress.connection.failed');
    expect(connected).toEqual([address]);
  });
});
