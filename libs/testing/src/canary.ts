import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testEnvironment } from './environment';
import type { TestPlatform } from './test-platform';

/** A secret in clear, in hex, and in base64 wherever it begins (three ways); of the latter what does not depend on its neighbours. */
export function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    return text.slice(offset === 0 ? 0 : offset + 1, -2);
  });
  const json = JSON.stringify(secret).slice(1, -1);
  const forms = [
    secret,
    json,
    JSON.stringify(json).slice(1, -1),
    encodeURIComponent(secret),
    new URLSearchParams({ '': secret }).toString().slice(1),
    bytes.toString('hex'),
    ...base64,
    ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
  ];
  return [...new Set(forms)];
}

/** Every statement with its parameters goes to the log, as a curious operator would have it; of connections that are made from now on. */
export async function logEverything({ database }: TestPlatform): Promise<void> {
  await database.query(`DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET log_statement = ''all''', current_database());
    EXECUTE format('ALTER DATABASE %I SET log_parameter_max_length_on_error = -1', current_database()); END $$`);
}

/** Whatever the platform has written, by place: tables, logs, what NATS stores, and PostgreSQL's log. */
export async function everythingWritten(platform: TestPlatform): Promise<Map<string, string>> {
  const places = await everyTable(platform);
  for (const [name, running] of platform.separate?.processes ?? []) places.set(`log of ${name}`, running.output());
  for (const file of platform.separate ? filesUnder(platform.separate.natsFolder) : []) {
    // Its configuration has the passwords of its users, and is not what it stores.
    if (!file.endsWith('.conf')) places.set(`file ${file}`, readFileSync(file, 'latin1'));
  }
  const { postgresLog } = testEnvironment();
  if (existsSync(postgresLog)) places.set('log of PostgreSQL', readFileSync(postgresLog, 'utf8'));
  return places;
}

/** Where which of the secrets is, in any form. */
export function whereFound(secrets: readonly string[], places: ReadonlyMap<string, string>): string[] {
  return secrets.flatMap((secret, index) =>
    formsOf(secret).flatMap((form) =>
      [...places].filter(([, content]) => content.includes(form)).map(([place]) => `secret ${index} in ${place}`),
    ),
  );
}

async function everyTable({ database }: TestPlatform): Promise<Map<string, string>> {
  const tables = await database.query<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname IN ('auth', 'workflow', 'integration', 'event', 'health', 'data', 'platform')`,
  );
  const contents = new Map<string, string>();
  for (const { name } of tables) {
    const rows = await database.query<{ text: string }>(`SELECT t::text AS text FROM ${name} t`);
    contents.set(`table ${name}`, rows.map(({ text }) => text).join('\n'));
  }
  return contents;
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
