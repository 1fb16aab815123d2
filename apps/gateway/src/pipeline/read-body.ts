import { AppError } from '@agent-platform/errors';
import type { IncomingMessage } from 'node:http';

/** SPEC section 5. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** A body that drips in slower than this is refused. */
const BODY_TIMEOUT_MS = 15_000;

/**
 * The body of a request to an action: JSON, not yet parsed.
 *
 * @throws AppError `request.media-type.unsupported`, and as `readRawBody`
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (hasBody(request)) refuseOtherMediaTypes(request);
  return readRawBody(request);
}

/**
 * The raw body of a request, whatever it is, bounded in size and time.
 *
 * @throws AppError `request.body.too-large`, `request.body.too-slow`
 */
export async function readRawBody(request: IncomingMessage): Promise<Buffer> {
  if (!hasBody(request)) return Buffer.alloc(0);
  const { 'content-length': length } = request.headers;
  if (Number(length) > MAX_BODY_BYTES) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(() => {
      reject(
        new AppError('request.body.too-slow', `The body did not arrive within ${BODY_TIMEOUT_MS / 1000} seconds.`),
      );
    }, BODY_TIMEOUT_MS);
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) {
        clearTimeout(timer);
        request.pause();
        reject(tooLarge());
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () => {
      clearTimeout(timer);
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    });
    request.on('error', (cause) => {
      clearTimeout(timer);
      reject(new AppError('request.malformed', 'The connection broke while the body was on its way.', { cause }));
    });
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': chunked } = headers;
  return (length !== undefined && length !== '0') || chunked !== undefined;
}

function refuseOtherMediaTypes(request: IncomingMessage): void {
  const { 'content-type': type = '', 'content-encoding': encoding } = request.headers;
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new AppError('request.media-type.unsupported', 'Send the body as Content-Type: application/json.');
  }
  if (/charset\s*=\s*"?(?!utf-?8)[^\s"]/i.test(type) || (encoding !== undefined && encoding !== 'identity')) {
    throw new AppError('request.media-type.unsupported', 'Send the body as plain UTF-8, without Content-Encoding.');
  }
}

function tooLarge(): AppError {
  return new AppError('request.body.too-large', `The body may have ${MAX_BODY_BYTES} bytes at the most.`);
}
