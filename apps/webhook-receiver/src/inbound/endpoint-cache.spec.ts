import { EndpointCache, type OpenEndpoint } from './endpoint-cache';

const endpoint = (integrationName: string) => ({ integrationName }) as OpenEndpoint;

it('asks once for many requests at the same time, and not again for what is known or is not there', async () => {
  const load = jest.fn((id: string) => Promise.resolve(id === 'absent' ? undefined : endpoint(id)));
  const cache = new EndpointCache(load);
  for (let round = 0; round < 2; round++) {
    const found = await Promise.all(['here', 'here', 'absent', 'absent'].map((id) => cache.get(id)));
    expect(found.map((one) => one?.integrationName)).toEqual(['here', 'here', undefined, undefined]);
  }
  expect(load).toHaveBeenCalledTimes(2);
});

it('knows a change of this replica at once, one that was made while it was read too', async () => {
  const readers: ((found: OpenEndpoint) => void)[] = [];
  const cache = new EndpointCache(() => new Promise((resolve) => readers.push(resolve)));
  const before = cache.get('a');
  cache.drop('a');
  const after = cache.get('a');
  readers[1]?.(endpoint('new'));
  readers[0]?.(endpoint('old'));
  await Promise.all([before, after]);
  expect((await cache.get('a'))?.integrationName).toBe('new');
});

it('knows a change of another replica after five seconds', async () => {
  const now = jest.spyOn(performance, 'now').mockReturnValue(1000);
  let name = 'old';
  const cache = new EndpointCache(() => Promise.resolve(endpoint(name)));
  await cache.get('a');
  name = 'new';
  now.mockReturnValue(5900);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect((await cache.get('a'))?.integrationName).toBe('old');
  now.mockReturnValue(6100);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect((await cache.get('a'))?.integrationName).toBe('new');
  now.mockRestore();
});

it('keeps no failure', async () => {
  let fails = true;
  const cache = new EndpointCache(() => (fails ? Promise.reject(new Error('away')) : Promise.resolve(endpoint('a'))));
  await expect(cache.get('a')).rejects.toThrow('away');
  fails = false;
  expect((await cache.get('a'))?.integrationName).toBe('a');
});

it('made-up ids push out no endpoint', async () => {
  const load = jest.fn((id: string) => Promise.resolve(id === 'here' ? endpoint('here') : undefined));
  const cache = new EndpointCache(load);
  await cache.get('here');
  for (let at = 0; at < 15_000; at++) await cache.get(`made up ${at}`);
  load.mockClear();
  await cache.get('here');
  expect(load).not.toHaveBeenCalled();
});
