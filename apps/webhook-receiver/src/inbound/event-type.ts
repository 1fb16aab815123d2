const PREFIX = 'webhook';
const MAX_SEGMENTS = 8;
const MAX_SEGMENT_LENGTH = 63;
const MAX_LENGTH = 128;
/** Of a request that has no name for what happened. */
const UNNAMED = 'received';

/**
 * `webhook.<integration>.<event>`, made to fit EVENT_TYPE: `Shop` and `orders/create` are `webhook.shop.orders.create`. The name
 * of an integration is one word of it, whatever dots it has.
 */
export function eventTypeOf(integrationName: string, eventName: readonly (string | undefined)[]): string {
  const words = eventName.flatMap((part) => (part ?? '').split(/[./:]+/)).map(wordOf);
  const named = words.filter((word) => word !== '').slice(0, MAX_SEGMENTS - 2);
  const head = `${PREFIX}.${wordOf(integrationName.replaceAll('.', '-'))}`;
  return [head, ...(named.length > 0 ? named : [UNNAMED])].join('.').slice(0, MAX_LENGTH).replace(/\.$/, '');
}

function wordOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '-')
    .replace(/^[_-]+/, '')
    .slice(0, MAX_SEGMENT_LENGTH);
}
