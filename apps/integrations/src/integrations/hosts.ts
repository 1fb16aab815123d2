/** `api.example.com`, `api.example.com:8443` or `*.example.com`; without a port that of the scheme is meant. */
export const HOST_ENTRY = /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$|^\[[0-9a-f:.]+\](:\d{1,5})?$/;

/** Whether a URL's host is one of these. */
export function isAllowedHost(url: URL, hosts: readonly string[]): boolean {
  const host = url.host.replace(/\.(?=:|$)/, '');
  return hosts.some((entry) => entry === host || (entry.startsWith('*.') && host.endsWith(entry.slice(1))));
}

/**
 * Whether a credential may travel to this URL: encrypted, or within a machine or network where names have no dot, are IP
 * addresses, or end in a suffix that is not on the Internet.
 */
export function isSafeForSecrets({ protocol, hostname }: URL): boolean {
  if (protocol === 'https:') return true;
  const isLocalName = !hostname.includes('.') || /\.(local|localhost|internal|svc|test)\.?$/.test(hostname);
  return protocol === 'http:' && (isLocalName || hostname.startsWith('[') || /^[\d.]+$/.test(hostname));
}
