/** Codes of Node's TLS (https://nodejs.org/api/tls.html, "X509 certificate error codes"): of the server's certificate. */
const CERTIFICATE_CODES = /CERT|^UNABLE_TO_|^INVALID_CA$|^HOSTNAME_MISMATCH$/;

/** Whether a connection failed because the server's certificate was refused: an unknown authority, another host, its time. */
export function isCertificateProblem(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && CERTIFICATE_CODES.test(code);
}
