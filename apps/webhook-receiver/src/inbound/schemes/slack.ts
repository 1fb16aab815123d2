import { textAt } from '../field-of';
import { oneSignature, unixSeconds, type Scheme } from './scheme';

/** `v0=…` over the version, the timestamp and the body, with colons between. */
export function versionZero(
  signature: string,
  timestamp: string,
): Pick<Scheme, 'signatures' | 'signedAtMs' | 'signed'> {
  return {
    signatures: oneSignature(signature, 'v0='),
    signedAtMs: ({ headers }) => unixSeconds(headers[timestamp]),
    signed: ({ headers, body }) => [[`v0:${headers[timestamp]}:`, body]],
  };
}

/**
 * `X-Slack-Signature`. The URL challenge is signed like all else, and is answered once its signature is right.
 * @see https://docs.slack.dev/authentication/verifying-requests-from-slack
 * @see https://docs.slack.dev/reference/events/url_verification
 */
export const slack: Scheme = {
  algorithm: 'sha256',
  encoding: 'hex',
  ...versionZero('x-slack-signature', 'x-slack-request-timestamp'),
  // Commands and clicks have none; Slack does not repeat them.
  deliveryId: (_request, content) => textAt(content, 'event_id'),
  eventName: (_request, content) => [
    textAt(content, 'event.type') ??
      textAt(content, 'type') ??
      (textAt(content, 'command') === undefined ? undefined : 'slash_command'),
  ],
  challenge: (content) => {
    const challenge = textAt(content, 'challenge');
    if (textAt(content, 'type') !== 'url_verification' || challenge === undefined) return undefined;
    return { contentType: 'text/plain; charset=utf-8', body: challenge };
  },
};
