import { ConfigError } from '@agent-platform/config';
import { SERVICE_NAMES } from '@agent-platform/contracts';
import { OWNER_ROLE, roleOf } from '@agent-platform/database';
import { isWellFormedApiKey } from '@agent-platform/shared-security';
import { DEFAULT_AGENTS } from '../../auth/src/seed/seed-default-agents';
import type { MigrateConfig } from './config';

type Texts = Readonly<Record<string, string>>;

/** Roles that can be given a password. */
const ROLES = [OWNER_ROLE, ...SERVICE_NAMES.map(roleOf)];

/**
 * The passwords of roles and the keys of the default agents that the configuration gives.
 *
 * @throws ConfigError with every problem at once; no value is in it
 */
export function givenSecrets({ rolePasswords, agentKeys }: MigrateConfig): {
  readonly passwords: Texts;
  readonly keys: Texts | undefined;
} {
  const problems: string[] = [];
  const passwords = readTexts('ROLE_PASSWORDS', rolePasswords, problems) ?? {};
  const keys = readTexts('AGENT_KEYS', agentKeys, problems);
  for (const role of Object.keys(passwords)) {
    if (!ROLES.includes(role)) problems.push(`ROLE_PASSWORDS names ${role}, which is none of ${ROLES.join(', ')}`);
  }
  for (const { name } of keys ? DEFAULT_AGENTS : []) {
    const key = keys?.[name];
    if (key === undefined) problems.push(`AGENT_KEYS has no key of ${name}`);
    else if (!isWellFormedApiKey(key))
      problems.push(`AGENT_KEYS has a key of ${name} that is none; make them with new-keys`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { passwords, keys };
}

function readTexts(variable: string, json: string | undefined, problems: string[]): Texts | undefined {
  if (json === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    if (isTexts(value)) return value;
  } catch {
    // Its message would quote what was given.
  }
  problems.push(`${variable} must be a JSON object of names and texts that are not empty`);
  return undefined;
}

function isTexts(value: unknown): value is Texts {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === 'string' && text !== '')
  );
}
