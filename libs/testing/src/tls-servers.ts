import { startPostgres, type LocalPostgres } from '@agent-platform/local-servers';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { makeCertificates, type Certificates } from './certificates';
import { testEnvironment } from './environment';

/** As whom PostgreSQL runs where we are root. */
const NOBODY_UID = 65_534;

/** A PostgreSQL of its own that speaks TLS, with a certificate for `altName`; its superuser is `postgres`. */
export async function startTlsPostgres(
  altName: string,
  password: string,
): Promise<{ readonly server: LocalPostgres; readonly certificates: Certificates }> {
  const certificates = makeCertificates(altName, NOBODY_UID);
  const dataDir = mkdtempSync(join(testEnvironment().folder, 'tls-'));
  const server = await startPostgres({ dataDir, password, fsync: false });
  const client = new Client({ host: '127.0.0.1', port: server.port, user: 'postgres', password, database: 'postgres' });
  await client.connect();
  await client.query(`ALTER SYSTEM SET ssl_cert_file = '${certificates.certFile}'`);
  await client.query(`ALTER SYSTEM SET ssl_key_file = '${certificates.keyFile}'`);
  await client.query('ALTER SYSTEM SET ssl = on');
  await client.query('SELECT pg_reload_conf()');
  await client.end();
  return { server, certificates };
}
