import type { AuthMethod, Json, JsonObject } from '@agent-platform/contracts';
import { AppError, type FieldError } from '@agent-platform/errors';
import { refuse } from '../integrations/check-json';
import type { Provider } from './provider-schema';
import airtable from './providers/airtable.json';
import anthropic from './providers/anthropic.json';
import asana from './providers/asana.json';
import discord from './providers/discord.json';
import dropbox from './providers/dropbox.json';
import github from './providers/github.json';
import gitlab from './providers/gitlab.json';
import google from './providers/google.json';
import hubspot from './providers/hubspot.json';
import jira from './providers/jira.json';
import linear from './providers/linear.json';
import microsoft from './providers/microsoft.json';
import mistral from './providers/mistral.json';
import notion from './providers/notion.json';
import openai from './providers/openai.json';
import pagerduty from './providers/pagerduty.json';
import postmark from './providers/postmark.json';
import salesforce from './providers/salesforce.json';
import sendgrid from './providers/sendgrid.json';
import shopify from './providers/shopify.json';
import slack from './providers/slack.json';
import stripe from './providers/stripe.json';
import telegram from './providers/telegram.json';
import twilio from './providers/twilio.json';
import zendesk from './providers/zendesk.json';

/** The ready definitions, by id. */
export const CATALOGUE: ReadonlyMap<string, Provider> = new Map(
  (
    [
      airtable,
      anthropic,
      asana,
      discord,
      dropbox,
      github,
      gitlab,
      google,
      hubspot,
      jira,
      linear,
      microsoft,
      mistral,
      notion,
      openai,
      pagerduty,
      postmark,
      salesforce,
      sendgrid,
      shopify,
      slack,
      stripe,
      telegram,
      twilio,
      zendesk,
    ] as readonly Provider[]
  ).map((provider) => [provider.id, provider]),
);

/** The fields of a definition that a provider stands for. */
interface ProviderFields {
  readonly baseUrl: string;
  readonly authMethod: AuthMethod;
  readonly auth: JsonObject;
  readonly headers: JsonObject;
  readonly allowedHosts: readonly string[];
  readonly healthCheck?: JsonObject;
  readonly rateLimitRpm?: number;
}

/**
 * A provider's definition for one way to authenticate, with its variables filled in.
 *
 * @throws AppError `integration.provider.unknown`, `integration.definition.invalid`
 */
export function resolveProvider(id: string, method: AuthMethod | undefined, variables: JsonObject): ProviderFields {
  const provider = CATALOGUE.get(id);
  if (!provider) {
    throw new AppError(
      'integration.provider.unknown',
      `The catalogue has no ${JSON.stringify(id)}. It has ${[...CATALOGUE.keys()].join(', ')}.`,
    );
  }
  const methods = Object.keys(provider.authMethods) as AuthMethod[];
  const authMethod = method ?? methods[0];
  const auth = authMethod && provider.authMethods[authMethod];
  const errors: FieldError[] = checkVariables(provider, variables);
  if (!auth) errors.push({ path: 'authMethod', message: `must be one of ${methods.join(', ')} for ${provider.title}` });
  if (errors.length > 0 || !auth) refuse('integration.definition.invalid', errors);
  const { baseUrl, headers = {}, allowedHosts, healthCheck, rateLimitRpm } = provider;
  const fields = { baseUrl, allowedHosts: [...allowedHosts], auth };
  return {
    ...(fill(fields, variables) as unknown as typeof fields),
    authMethod,
    headers,
    ...(healthCheck && { healthCheck }),
    ...(rateLimitRpm !== undefined && { rateLimitRpm }),
  };
}

function checkVariables({ variables: wanted = {} }: Provider, given: JsonObject): FieldError[] {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(wanted, name));
  return [
    ...unknown.map((name) => ({ path: `variables.${name}`, message: 'is not a variable of this provider' })),
    ...Object.entries(wanted).flatMap(([name, { description, pattern }]) => {
      const value = given[name];
      if (typeof value === 'string' && new RegExp(pattern).test(value)) return [];
      const path = `variables.${name}`;
      return [{ path, message: value === undefined ? `is required: ${description}` : `must match ${pattern}` }];
    }),
  ];
}

/** Names in braces that are no variables stay, such as the `{key}` of a path. */
function fill(value: Json, variables: JsonObject): Json {
  if (typeof value === 'string') {
    return value.replace(/\{(\w+)\}/g, (whole, name: string) =>
      typeof variables[name] === 'string' && Object.hasOwn(variables, name) ? variables[name] : whole,
    );
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fill(item, variables)]));
}
