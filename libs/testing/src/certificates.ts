import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testEnvironment } from './environment';

/** The certificate of a server, and the authority that it comes from. */
export interface Certificates {
  /** In PEM. */
  readonly ca: string;
  readonly certFile: string;
  readonly keyFile: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/**
 * Makes an authority and a certificate of it by openssl.
 *
 * @param altName such as `DNS:localhost` or `IP:127.0.0.1`
 * @param uid who may read the key, where we are root
 */
export function makeCertificates(altName: string, uid?: number): Certificates {
  const folder = mkdtempSync(join(testEnvironment().folder, 'certificates-'));
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const request = ['req', '-subj', '/CN=test', ...KEY];
  openssl(...request, '-x509', '-days', '2', '-keyout', file('ca.key'), '-out', file('ca.pem'));
  openssl(...request, '-keyout', file('server.key'), '-out', file('server.csr'));
  writeFileSync(file('extensions'), `subjectAltName=${altName}\n`);
  const authority = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-set_serial', '1', '-days', '2'];
  const leaf = ['-in', file('server.csr'), '-out', file('server.pem'), '-extfile', file('extensions')];
  openssl('x509', '-req', ...leaf, ...authority);
  if (uid !== undefined && process.getuid?.() === 0) {
    for (const path of [folder, file('server.key'), file('server.pem')]) chownSync(path, uid, uid);
  }
  return { ca: readFileSync(file('ca.pem'), 'utf8'), certFile: file('server.pem'), keyFile: file('server.key') };
}
