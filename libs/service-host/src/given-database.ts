import { IsCertificates, IsCheckedBy, IsPasswordOf } from '@agent-platform/config';
import type { DatabaseAddress } from '@agent-platform/database';
import { IsOptional, IsString, IsUrl } from 'class-validator';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a command reads that works on a database: the one that the environment names, or that of `npm start`. */
export class GivenDatabaseConfig {
  /** Of a role that may do the command's work. */
  @IsOptional()
  @IsUrl({ protocols: ['postgres', 'postgresql'], require_protocol: true, require_tld: false })
  readonly databaseUrl: string | undefined = undefined;

  @IsOptional()
  @IsPasswordOf('databaseUrl')
  readonly databasePassword: string | undefined = undefined;

  @IsOptional()
  @IsCertificates()
  @IsCheckedBy('databaseUrl')
  readonly databaseCa: string | undefined = undefined;

  /** Of `npm start`. */
  @IsString()
  readonly dataDir: string = '.data';
}

/** Undefined where none is given and `npm start` has not run here. */
export function givenDatabase(config: GivenDatabaseConfig): DatabaseAddress | undefined {
  const url = config.databaseUrl ?? readStarted<{ postgres: string }>(config, 'urls.json').postgres;
  return url === undefined ? undefined : { url, password: config.databasePassword, ca: config.databaseCa };
}

/** What `npm start` wrote to its data folder; nothing where it has not. */
export function readStarted<Content>({ dataDir }: GivenDatabaseConfig, name: string): Partial<Content> {
  try {
    return JSON.parse(readFileSync(join(dataDir, name), 'utf8')) as Content;
  } catch {
    return {};
  }
}
