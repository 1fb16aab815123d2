import { IsBoolean, IsInt, IsString, IsUrl, Max, MinLength } from 'class-validator';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, loadConfig } from './load-config';

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

function problemsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(ExampleConfig, env);
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
    const problems = problemsOf({ NATS_URL: 'hunter2', POOL_SIZE: '12abc', VERBOSE: 'yes', MASTER_KEY: 'short-secret' });
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
});
