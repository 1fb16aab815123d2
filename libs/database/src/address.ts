import { isCertificateProblem } from '@agent-platform/errors';
import type { ClientConfig } from 'pg';

/** Where a database is, and as whom it is used. */
export interface DatabaseAddress {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** Instead of one in the URL. */
  readonly password?: string;
  /**
   * Certificates in PEM of the authorities that the server's must come from: the connection is encrypted then, and chain and
   * host name are checked, whatever `sslmode` says. Without it `sslmode` decides, as pg reads it.
   */
  readonly ca?: string;
}

/** Variables of an address in the environment, for messages. */
const URL_VARIABLE = 'DATABASE_URL';
/** A server that is not there (yet): a start may wait for it. SQLSTATE 57P03 is one that is starting, class 08 and 53300 one that is full. */
const UNREACHABLE = /^(ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|57P|08|53300)/;

/** What pg needs to connect there. */
export function addressConfig({ url, password, ca }: DatabaseAddress): ClientConfig {
  if (password === undefined && ca === undefined) return { connectionString: url };
  // What stands in the URL wins over what stands beside it.
  const address = new URL(url);
  if (password !== undefined) address.password = encodeURIComponent(password);
  if (ca === undefined) return { connectionString: address.href };
  for (const name of ['ssl', 'sslmode', 'sslrootcert']) address.searchParams.delete(name);
  return { connectionString: address.href, ssl: { ca } };
}

/** A database that cannot be used: one line that says which, and which variable to look at, without a secret. */
export class DatabaseUnusable extends Error {
  /** Whether it cannot be reached (yet), rather than refuses. */
  readonly isUnreachable: boolean;

  constructor({ url }: DatabaseAddress, cause: unknown) {
    const { host, pathname } = new URL(url);
    const variables = isCertificateProblem(cause)
      ? `DATABASE_CA and the host in ${URL_VARIABLE}`
      : isRefusedLogin(cause)
        ? `the user in ${URL_VARIABLE} and DATABASE_PASSWORD`
        : URL_VARIABLE;
    super(`PostgreSQL at ${host}${pathname} cannot be used. Check ${variables}.`, { cause });
    this.name = 'DatabaseUnusable';
    this.isUnreachable = isUnreachable(cause);
  }
}

/** SQLSTATE class 28: a wrong password, or a user who may not connect. pg itself says so where it has none to give. */
function isRefusedLogin(error: unknown): boolean {
  return codeOf(error).startsWith('28') || (error instanceof Error && error.message.includes('client password'));
}

/** pg gives no code to a connection that was cut, or that took too long. */
function isUnreachable(error: unknown): boolean {
  const code = codeOf(error);
  return code === ''
    ? error instanceof Error && /^Connection terminated|timeout/.test(error.message)
    : UNREACHABLE.test(code);
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
