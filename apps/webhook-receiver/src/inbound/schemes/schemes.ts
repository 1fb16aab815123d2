import type { JsonObject, WebhookScheme } from '@agent-platform/contracts';
import { calendly } from './calendly';
import { github } from './github';
import { hmac } from './hmac';
import { hubspot } from './hubspot';
import { linear } from './linear';
import { pagerduty } from './pagerduty';
import type { Scheme } from './scheme';
import { sentry } from './sentry';
import { shopify } from './shopify';
import { slack } from './slack';
import { standard } from './standard';
import { stripe } from './stripe';
import { twilio } from './twilio';
import { zendesk } from './zendesk';
import { zoom } from './zoom';

const OF_PROVIDERS: Readonly<Record<Exclude<WebhookScheme, 'hmac'>, Scheme>> = {
  github,
  stripe,
  slack,
  shopify,
  twilio,
  linear,
  pagerduty,
  zendesk,
  hubspot,
  zoom,
  sentry,
  calendly,
  standard,
};

/** How requests of an endpoint are verified. */
export function schemeOf(name: WebhookScheme, options: JsonObject): Scheme {
  return name === 'hmac' ? hmac(options) : OF_PROVIDERS[name];
}
