import { ConfigError, loadConfig } from '@agent-platform/config';
import type { DatabaseAddress } from '@agent-platform/database';
import { IsOptional, IsString, MaxLength, MinLength } from 'class-validator';
import { givenDatabase, GivenDatabaseConfig, readStarted } from './given-database';

/** What `vault:rotate` reads; DATABASE_URL is of a role that may SET ROLE to those of the services. */
class RotationConfig extends GivenDatabaseConfig {
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
}

/**
 * From which master key to which, in which database: the environment's, or those of an installation that `npm start` made.
 *
 * @throws ConfigError
 */
export function readRotation(env: NodeJS.ProcessEnv): {
  readonly masterKey: string;
  readonly masterKeyPrevious: string | undefined;
  readonly database: DatabaseAddress;
} {
  const config = loadConfig(RotationConfig, env);
  const { masterKey, databaseUrl } = config;
  const database = givenDatabase(config);
  if (!database) throw new ConfigError(['DATABASE_URL is not set, and npm start has not run here']);
  const made = databaseUrl ? undefined : readStarted<{ masterKey: string }>(config, 'secrets.json').masterKey;
  return { masterKey, masterKeyPrevious: config.masterKeyPrevious ?? made, database };
}
