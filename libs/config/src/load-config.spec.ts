import { IsBoolean, IsIn, IsInt, IsOptional, IsString, IsUrl, Matches, Max, Min, MinLength } from 'class-validator';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { IsCertificates, IsCheckedBy, IsPasswordOf } from './credentials';
import { ConfigError, loadConfig } from './load-config';
import { Variable } from './variable';

class ExampleConfig {
  @IsUrl({ protocols: ['nats'], require_protocol: true, require_tld: false })
  readonly natsUrl: string = '';

  @IsInt()
  @Max(10)
  readonly poolSize: number = 4;

  @IsBoolean()
  readonly verbose: boolean = false;

  @IsString()
  @MinLength(20)
  readonly masterKey: string = 'a default of twenty and more';
}

const NATS_URL = 'nats://127.0.0.1:4222';

function problemsOf(env: NodeJS.ProcessEnv, ConfigClass: new () => object = ExampleConfig): readonly string[] {
  try {
    loadConfig(ConfigClass, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('loadConfig', () => {
  it('reads each value as its type and keeps the defaults of what is not set', () => {
    const config = loadConfig(ExampleConfig, { NATS_URL, VERBOSE: 'true', POOL_SIZE: '' });
    expect(config).toMatchObject({ natsUrl: NATS_URL, poolSize: 4, verbose: true });
    expect(config).toBeInstanceOf(ExampleConfig);
  });

  it('names every wrong variable at once and prints no value', () => {
    const problems = problemsOf({
      NATS_URL: 'hunter2',
      POOL_SIZE: '12abc',
      VERBOSE: 'yes',
      MASTER_KEY: 'short-secret',
    });
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual(
      expect.arrayContaining(['NATS_URL', 'POOL_SIZE', 'VERBOSE', 'MASTER_KEY']),
    );
    expect(problems.join('\n')).not.toMatch(/hunter2|12abc|yes|short-secret/);
  });

  it('says what is missing', () => {
    expect(problemsOf({})).toEqual([expect.stringMatching(/^NATS_URL /)]);
  });

  it('reads a value from a file, without its last line break', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'config-')), 'key');
    writeFileSync(file, 'a key that is long enough\n');
    expect(loadConfig(ExampleConfig, { NATS_URL, MASTER_KEY_FILE: file }).masterKey).toBe('a key that is long enough');
    expect(problemsOf({ NATS_URL, MASTER_KEY_FILE: file, MASTER_KEY: 'another that is long enough' })).toEqual([
      'MASTER_KEY and MASTER_KEY_FILE are both set; keep one',
    ]);
    expect(problemsOf({ NATS_URL, MASTER_KEY_FILE: `${file}-not-there` })).toEqual([expect.stringContaining('ENOENT')]);
  });

  it('says in one line per variable what would be right', () => {
    class Strict {
      @IsInt()
      @Min(1)
      @Max(10)
      readonly workers!: number;

      @IsIn(['debug', 'info'])
      readonly logLevel: 'debug' | 'info' = 'info';
    }
    expect(problemsOf({ NATS_URL: 'localhost' })).toEqual(['NATS_URL must be a URL such as nats://127.0.0.1:4222']);
    expect(problemsOf({ LOG_LEVEL: 'debu' }, Strict)).toEqual([
      'WORKERS is not set; it must be an integer number and must not be less than 1 and must not be greater than 10',
      'LOG_LEVEL must be one of the following values: debug, info',
    ]);
  });

  it('takes a password beside its URL and authorities in PEM, and says what does not fit', () => {
    class Server {
      @IsUrl({ protocols: ['postgres'], require_protocol: true, require_tld: false })
      readonly databaseUrl: string = '';

      @IsOptional()
      @IsPasswordOf('databaseUrl')
      readonly databasePassword?: string;

      @IsOptional()
      @IsCertificates()
      @IsCheckedBy('databaseUrl')
      readonly databaseCa?: string;
    }
    const DATABASE_URL = 'postgres://ap_auth@db/platform?sslmode=verify-full';
    const DATABASE_CA = rootCertificates.slice(0, 2).join('\n');
    const env = { DATABASE_URL, DATABASE_PASSWORD: 'hunter2', DATABASE_CA };
    expect(loadConfig(Server, env)).toMatchObject({ databasePassword: 'hunter2', databaseCa: DATABASE_CA });
    expect(problemsOf({ DATABASE_URL: 'postgres://ap_auth@db/platform' }, Server)).toEqual([]);

    const twice = 'postgres://ap_auth:secret@db/platform?sslmode=disable';
    expect(problemsOf({ ...env, DATABASE_URL: twice }, Server)).toEqual([
      'DATABASE_PASSWORD needs a user without a password in DATABASE_URL',
      'DATABASE_CA needs sslmode=verify-full in DATABASE_URL',
    ]);
    for (const ca of ['/etc/ca.pem', DATABASE_CA.replace(/[A-Za-z0-9]{40}/, 'x')]) {
      expect(problemsOf({ ...env, DATABASE_CA: ca }, Server)).toEqual(['DATABASE_CA must be certificates in PEM']);
    }
    expect(problemsOf({ ...env, DATABASE_URL: 'postgres://db/platform' }, Server)).toEqual([
      'DATABASE_PASSWORD needs a user without a password in DATABASE_URL',
    ]);
  });

  it('prints no value even where a message quotes it', () => {
    class Quoting {
      @Matches(/^k-/, { message: 'masterKey $value does not start with k-' })
      readonly masterKey: string = 'k-';
    }
    expect(problemsOf({ MASTER_KEY: 'hunter2' }, Quoting)).toEqual(['MASTER_KEY is not valid']);
  });

  it('prints neither the path nor the content of a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'config-'));
    writeFileSync(join(folder, 'short'), 'hunter2\n');
    writeFileSync(join(folder, 'empty'), '\n');
    const problems = ['short', 'empty', 'missing', ''].flatMap((name) =>
      problemsOf({ NATS_URL, MASTER_KEY_FILE: join(folder, name) }),
    );
    expect(problems).toHaveLength(4);
    expect(problems.join('\n')).not.toMatch(/hunter2|config-/);
  });

  it.each(['12abc', ' 4', '0x10', '1e3', 'NaN', 'Infinity', '--4', '4.'])('refuses %j as a number', (POOL_SIZE) => {
    expect(problemsOf({ NATS_URL, POOL_SIZE })).toEqual(['POOL_SIZE must be a number']);
  });

  it.each(['TRUE', '1', 'yes', 'false '])('refuses %j as a boolean', (VERBOSE) => {
    expect(problemsOf({ NATS_URL, VERBOSE })).toEqual(['VERBOSE must be true or false']);
  });

  it('reads what a class inherits, renames, leaves without a default and writes with acronyms', () => {
    class Derived extends ExampleConfig {
      @Variable('BASE')
      @IsString()
      readonly baseUrl: string = 'x';

      @IsOptional()
      @IsInt()
      readonly maxHTTPHeaders?: number;

      @IsOptional()
      @IsString()
      readonly keyFile?: string;

      @IsOptional()
      @IsString()
      readonly key?: string;
    }
    const env = {
      NATS_URL,
      BASE: 'y',
      BASE_URL: 'ignored',
      MAX_HTTP_HEADERS: '12',
      KEY_FILE: '/etc/key',
      POOL_SIZE: '7',
    };
    expect(loadConfig(Derived, env)).toMatchObject({
      baseUrl: 'y',
      maxHTTPHeaders: 12,
      keyFile: '/etc/key',
      poolSize: 7,
    });
    expect(loadConfig(Derived, { NATS_URL }).maxHTTPHeaders).toBeUndefined();
  });
});
