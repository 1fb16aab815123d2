import { generateApiKey } from '@agent-platform/shared-security';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DEFAULT_AGENTS } from '../../auth/src/seed/seed-default-agents';
import { readJsonFile, writeJsonFile } from './json-file';

/** A fresh key for each default agent. */
export function newAgentKeys(): Record<string, string> {
  return Object.fromEntries(DEFAULT_AGENTS.map(({ name }) => [name, generateApiKey().key]));
}

/**
 * Keys that are made when they are asked for and kept in a file. It is written before the agent that a key belongs to is
 * committed: a crash in between leaves keys that the next start uses, never agents whose keys nobody has.
 *
 * @returns the key of the agent of this name; throws Error where the file cannot be written
 */
export function keysInFile(file: string): (agent: string) => string {
  return (name) => {
    const keys = readJsonFile<Record<string, string>>(file) ?? {};
    const key = (keys[name] ??= generateApiKey().key);
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeJsonFile(file, keys);
    } catch (cause) {
      const problem = `${file} cannot be written, and nobody would know the keys of the default agents.`;
      throw new Error(`${problem} Give AGENT_KEYS, or a DATA_DIR that can be written.`, { cause });
    }
    return key;
  };
}
