import { ConfigError, loadConfig } from '@agent-platform/config';
import { IsOptional, IsString, IsUrl, MaxLength, MinLength } from 'class-validator';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `vault:rotate` reads. */
class RotationConfig {
  /** The new one. */
  @IsString()
  @MinLength(32)
  @MaxLength(1024)
  readonly masterKey: string = '';

  @IsOptional()
  @IsString()
  @MinLength(32)
  @MaxLength(1024)
  readonly masterKeyPrevious: string | undefined = undefined;

  /** Of a role that may SET ROLE to those of the services; default the database of `npm start`. */
  @IsOptional()
  @IsUrl({ protocols: ['postgres', 'postgresql'], require_protocol: true, require_tld: false })
  readonly databaseUrl: string | undefined = undefined;

  /** Of `npm start`. */
  @IsString()
  readonly dataDir: string = '.data';
}

/**
 * From which master key to which, in which database: the environment's, or those of an installation that `npm start` made.
 *
 * @throws ConfigError
 */
export function readRotation(env: NodeJS.ProcessEnv): {
  readonly masterKey: string;
  readonly masterKeyPrevious: string | undefined;
  readonly databaseUrl: string;
} {
  const { masterKey, masterKeyPrevious, databaseUrl: given, dataDir } = loadConfig(RotationConfig, env);
  const started = startedInstallation(dataDir);
  const databaseUrl = given ?? started.databaseUrl;
  if (!databaseUrl) throw new ConfigError(['DATABASE_URL is not set, and npm start has not run here']);
  return { masterKey, masterKeyPrevious: masterKeyPrevious ?? (given ? undefined : started.masterKey), databaseUrl };
}

/** What `npm start` wrote to its data folder. */
function startedInstallation(dataDir: string): { databaseUrl?: string; masterKey?: string } {
  const read = <Content>(name: string): Partial<Content> => {
    try {
      return JSON.parse(readFileSync(join(dataDir, name), 'utf8')) as Content;
    } catch {
      return {};
    }
  };
  return {
    databaseUrl: read<{ postgres: string }>('urls.json').postgres,
    masterKey: read<{ masterKey: string }>('secrets.json').masterKey,
  };
}
