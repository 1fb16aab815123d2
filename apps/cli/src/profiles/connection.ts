import { readFileSync } from 'node:fs';
import { CliError, EXIT } from '../exit-codes';
import type { Session } from '../session';
import { configPath, readProfiles } from './config-file';

/** Where the platform is, and who asks. */
export interface Connection {
  readonly url: string;
  readonly key: string;
  readonly signingSecret?: string;
}

export interface ConnectionOptions {
  readonly url?: string;
  readonly profile?: string;
  readonly keyFile?: string;
}

const DEFAULT_URL = 'http://127.0.0.1:3000';

/**
 * Options come before variables, and variables before the current profile: of `--profile` all is taken that other options do not say.
 *
 * @throws CliError where there is no key
 */
export async function connectionOf(options: ConnectionOptions, session: Session): Promise<Connection> {
  const { env } = session.io;
  const variables: typeof env = options.profile === undefined ? env : {};
  const url = options.url ?? variables.AGENTCTL_URL;
  const key = options.keyFile === undefined ? variables.AGENTCTL_KEY : await readKey(options.keyFile, session);
  const signingSecret = variables.AGENTCTL_SIGNING_SECRET || undefined;
  if (key)
    return { url: parseUrl(url || (profileOf(options, env)?.url ?? DEFAULT_URL)), key: checkKey(key), signingSecret };
  const profile = profileOf(options, env);
  if (!profile) {
    const name = options.profile ?? env.AGENTCTL_PROFILE;
    const missing = name ? `There is no profile ${name}.` : 'There is no key.';
    throw new CliError(
      `${missing} Run agentctl login${name ? ` --profile ${name}` : ''}, or set AGENTCTL_KEY.`,
      EXIT.unauthorized,
    );
  }
  // A key goes nowhere but to the platform that it was stored for.
  if (url && parseUrl(url) !== profile.url)
    throw new CliError(
      `The stored key is for ${profile.url}, and is not sent to ${url}. Log in there under another --profile, or set AGENTCTL_KEY.`,
    );
  return { ...profile, signingSecret: signingSecret ?? profile.signingSecret };
}

/** A key from a file, or from standard input by `-`. It is never an argument: those are seen by every user of a machine. */
export async function readKey(file: string, session: Session): Promise<string> {
  if (file === '-') return checkKey(await session.readStdin());
  try {
    return checkKey(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`The key file ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

/** An address without a slash at its end. @throws CliError for anything but http and https */
export function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash)
    throw new CliError(`${text} is no URL of a platform; one looks like http://127.0.0.1:3000.`);
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** Whether an address is on this machine. */
export function isHere(url: string): boolean {
  return /^(127(\.\d+){3}|localhost|\[::1\])$/.test(new URL(url).hostname);
}

function profileOf({ profile }: ConnectionOptions, env: Readonly<Record<string, string | undefined>>) {
  const { current, profiles } = readProfiles(configPath(env));
  const name = profile || env.AGENTCTL_PROFILE || current;
  return Object.hasOwn(profiles, name) ? profiles[name] : undefined;
}

function checkKey(text: string): string {
  const key = text.trim();
  // The key itself stays out of the message.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new CliError('That is no API key; one begins with mj_agent_.');
  return key;
}
