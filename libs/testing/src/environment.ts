/** The password of every role of ours in the tests. */
export const ROLE_PASSWORD = 'test-password';

/** What `global-setup` tells the test files. */
export interface TestEnvironment {
  /** The root of the repository. */
  readonly root: string;
  /** A temporary folder of this test run. */
  readonly folder: string;
  /** What PostgreSQL logs, of all databases; where it runs in a container there is none. */
  readonly postgresLog: string;
  /** The database to clone. */
  readonly template: string;
  readonly postgres: { readonly host: string; readonly port: number; readonly password: string };
  /** Keys of the default agents, by name. */
  readonly keys: Readonly<Record<string, string>>;
}

/** @throws Error outside of a test run */
export function testEnvironment(): TestEnvironment {
  const text = process.env.TEST_ENVIRONMENT;
  if (!text) throw new Error('There is no test environment: run the tests with npm test or npx jest.');
  return JSON.parse(text) as TestEnvironment;
}

/** By how much tests that kill are larger than on every run: `TEST_SCALE=5`. */
export function testScale(): number {
  return Number(process.env.TEST_SCALE ?? 1);
}
