import type { Json, JsonObject } from '@agent-platform/contracts';
import { isTooDeep } from '@agent-platform/messaging';
import { isForm, type WebhookRequest } from './webhook-request';

/**
 * What a body says: an object as it is, a form as an object, anything else under `value`. A form whose one field is a `payload` of
 * JSON stands for that, as GitHub's and Slack's do.
 *
 * @returns undefined for what is neither JSON nor a form, is not UTF-8, or is nested too deep
 */
export function readContent(request: Pick<WebhookRequest, 'headers' | 'body'>): JsonObject | undefined {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(request.body);
  } catch {
    return undefined;
  }
  const value = isForm(request) ? readForm(text) : readJson(text);
  return value === undefined || isObject(value) ? value : { value };
}

function readForm(text: string): JsonObject | undefined {
  if (text === '') return undefined;
  const form = new URLSearchParams(text);
  const fields = Object.fromEntries(
    [...new Set(form.keys())].map((name) => {
      const values = form.getAll(name);
      return [name, values.length === 1 ? (values[0] ?? '') : values];
    }),
  );
  const payload = typeof fields.payload === 'string' ? readJson(fields.payload) : undefined;
  if (!isObject(payload)) return fields;
  return Object.keys(fields).length === 1 ? payload : { ...fields, payload };
}

function readJson(text: string): Json | undefined {
  if (isTooDeep(Buffer.from(text))) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
