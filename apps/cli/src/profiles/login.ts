import type { Me } from '@agent-platform/client';
import type { Command } from 'commander';
import { addCommonOptions } from '../common-options';
import { CliError } from '../exit-codes';
import { json, printable } from '../output/printable';
import { printThing } from '../output/thing';
import type { CommonOptions, Session } from '../session';
import { configPath, readProfiles, writeProfiles, type Profile } from './config-file';
import { isHere, parseUrl, readKey } from './connection';
import { askSecret } from './prompt';

interface LoginOptions extends CommonOptions {
  readonly signingSecretFile?: string;
}

/** `login`, `logout` and `whoami`. */
export function addLogin(program: Command, session: Session): void {
  addCommonOptions(program.command('login').description('Checks a key and stores it in a file that only you can read.'))
    .option('--signing-secret-file <file>', 'of an agent that must sign what it changes')
    .action(async (options: LoginOptions) => {
      const name = options.profile ?? session.io.env.AGENTCTL_PROFILE ?? 'default';
      const url = parseUrl(options.url || session.io.env.AGENTCTL_URL || 'http://127.0.0.1:3000');
      const signingSecret = options.signingSecretFile && (await readKey(options.signingSecretFile, session));
      const key = await keyFor(options, url, session);
      const me = await storeProfile(session, name, { url, key, ...(signingSecret && { signingSecret }) });
      await session.note(`Logged in to ${url} as ${printable(me.name)} (profile ${name}).`);
    });
  addCommonOptions(
    program.command('logout').description('Forgets the key of a profile. The key itself stays valid.'),
  ).action(async (options: CommonOptions) => {
    const path = configPath(session.io.env);
    const { current, profiles } = readProfiles(path);
    const name = options.profile ?? session.io.env.AGENTCTL_PROFILE ?? current;
    if (!Object.hasOwn(profiles, name)) throw new CliError(`There is no profile ${name}.`);
    const rest = Object.fromEntries(Object.entries(profiles).filter(([each]) => each !== name));
    writeProfiles(path, { current: current === name ? (Object.keys(rest)[0] ?? 'default') : current, profiles: rest });
    await session.note(`Forgot profile ${name}. To make its key invalid: agentctl agent revoke-key.`);
  });
  addCommonOptions(program.command('whoami').description('Shows which agent asks, and where.')).action(
    async (options: CommonOptions) => {
      const connection = await session.connection(options);
      const { body } = await session.clientOf(connection).call('me.get', {}, { signal: session.signal });
      const { data } = body as { data: Me };
      if (session.json) return session.print(json(data, 2));
      const { name, id, type, status, skills, rateLimitRpm, remaining } = data;
      await printThing(session, { url: connection.url, name, id, type, status, skills, rateLimitRpm, remaining });
    },
  );
}

/** Asks the platform who the key is, and keeps it as the profile that is used from now on. */
export async function storeProfile(session: Session, name: string, profile: Profile): Promise<Me> {
  if (profile.url.startsWith('http:') && !isHere(profile.url))
    await session.note('Warning: over http:// the key travels in the clear. Use https:// outside of this machine.');
  const { body } = await session.clientOf(profile).call('me.get', {}, { signal: session.signal });
  const path = configPath(session.io.env);
  const { profiles } = readProfiles(path);
  writeProfiles(path, { current: name, profiles: { ...profiles, [name]: profile } });
  return (body as { data: Me }).data;
}

async function keyFor({ keyFile }: LoginOptions, url: string, session: Session): Promise<string> {
  if (keyFile !== undefined) return readKey(keyFile, session);
  const { io } = session;
  const key = io.stdin.isTTY ? (await askSecret(`API key for ${url}: `, io)).trim() : await readKey('-', session);
  if (!key) throw new CliError('No key was given. It is shown once, when an agent is made or its key is rotated.');
  return key;
}
