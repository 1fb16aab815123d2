/** Where authorization servers send people back to (RFC 6749 section 3.1.2). */
export const OAUTH_CALLBACK_PATH = '/v1/oauth/callback';

/** The query string of the callback, as it came. */
export interface OAuthCallbackRequest {
  readonly query: string;
}

/** A page for the person who consented, or did not. */
export interface OAuthCallbackReply {
  readonly status: number;
  readonly html: string;
}
