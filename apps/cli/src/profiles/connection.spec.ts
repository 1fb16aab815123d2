import { chmodSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { capturedIo } from '../captured-io';
import { Session } from '../session';
import { configPath, readProfiles, writeProfiles } from './config-file';
import { connectionOf, isHere, type ConnectionOptions } from './connection';

const URL = 'https://platform.example.com';
const KEY = 'mj_agent_stored';
let home: string;
let path: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'agentctl-'));
  path = configPath({ XDG_CONFIG_HOME: home });
  writeProfiles(path, { current: 'work', profiles: { work: { url: URL, key: KEY, signingSecret: 's' } } });
});

const connect = (options: ConnectionOptions = {}, env: Record<string, string> = {}, stdin = '') =>
  connectionOf(options, new Session(capturedIo({ XDG_CONFIG_HOME: home, ...env }, stdin)));

it('keeps keys in a file for its owner alone, in a folder for its owner alone, and leaves nothing beside it', () => {
  chmodSync(dirname(path), 0o755);
  writeProfiles(path, readProfiles(path));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  expect(readdirSync(dirname(path))).toEqual(['config.json']);
});

it.each([0o640, 0o604, 0o660])('refuses a file of mode %o, and says what to do', (mode) => {
  chmodSync(path, mode);
  expect(() => readProfiles(path)).toThrow(`chmod 600 '${path}'`);
});

it('refuses a file that is not its own, and shows nothing of it', () => {
  writeFileSync(path, `not json ${KEY}`);
  expect(() => readProfiles(path)).toThrow('is not a file of agentctl');
  expect(() => readProfiles(path)).not.toThrow(KEY);
});

it('takes the current profile, else that which is named', async () => {
  expect(await connect()).toEqual({ url: URL, key: KEY, signingSecret: 's' });
  await expect(connect({ profile: 'toString' })).rejects.toThrow('There is no profile toString.');
  await expect(connect({}, { AGENTCTL_PROFILE: 'home' })).rejects.toThrow('agentctl login --profile home');
});

it('takes variables before the profile, and options before variables', async () => {
  const env = { AGENTCTL_KEY: 'mj_agent_env', AGENTCTL_URL: 'http://127.0.0.1:3001/', AGENTCTL_SIGNING_SECRET: 'env' };
  expect(await connect({}, env)).toEqual({ url: 'http://127.0.0.1:3001', key: 'mj_agent_env', signingSecret: 'env' });
  const options = { url: 'http://127.0.0.1:3002', keyFile: '-' };
  expect(await connect(options, env, 'mj_agent_stdin\n')).toMatchObject({
    url: 'http://127.0.0.1:3002',
    key: 'mj_agent_stdin',
  });
});

it('takes a profile that is named whole, whatever variables say', async () => {
  const env = { AGENTCTL_KEY: 'mj_agent_env', AGENTCTL_URL: 'http://127.0.0.1:3001', AGENTCTL_SIGNING_SECRET: 'env' };
  expect(await connect({ profile: 'work' }, env)).toEqual({ url: URL, key: KEY, signingSecret: 's' });
  await expect(connect({ profile: 'wrok' }, env)).rejects.toThrow('There is no profile wrok.');
});

it.each([
  ['http://127.0.0.1:3000', true],
  ['http://localhost', true],
  ['http://[::1]:3000', true],
  ['http://localhost.example.com', false],
  ['http://127.example.com', false],
])('knows whether %s is this machine', (url, here) => {
  expect(isHere(url)).toBe(here);
});

it('sends a stored key nowhere but to the platform that it was stored for', async () => {
  await expect(connect({ url: 'https://evil.example.com' })).rejects.toThrow('is not sent to https://evil.example.com');
  await expect(connect({}, { AGENTCTL_URL: `${URL}:8443` })).rejects.toThrow('is not sent to');
  expect(await connect({ url: `${URL}/` })).toMatchObject({ key: KEY });
});

it.each(['ftp://a', 'platform', 'https://user:word@a', 'https://a/?b'])('refuses the URL %s', async (url) => {
  await expect(connect({ url }, { AGENTCTL_KEY: 'k' })).rejects.toThrow('is no URL of a platform');
});

it('refuses a key that is none without showing it', async () => {
  await expect(connect({}, { AGENTCTL_KEY: 'two words' })).rejects.toThrow(
    /^That is no API key; one begins with mj_agent_\.$/,
  );
});
