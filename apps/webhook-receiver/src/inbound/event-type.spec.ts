import { EVENT_TYPE } from '@agent-platform/contracts';
import fc from 'fast-check';
import { eventTypeOf } from './event-type';

it.each([
  ['stripe', ['invoice.paid'], 'webhook.stripe.invoice.paid'],
  ['Shop', ['orders/create'], 'webhook.shop.orders.create'],
  ['lin', ['Issue', 'create'], 'webhook.lin.issue.create'],
  ['sms', ['delivered'], 'webhook.sms.delivered'],
  ['gh', ['push', undefined], 'webhook.gh.push'],
  ['crm.eu-1', [undefined], 'webhook.crm-eu-1.received'],
  ['pd', ['_.__.-.'], 'webhook.pd.received'],
  ['a', ['Ä b/ç'], 'webhook.a.b'],
  ['a', ['a.b.c.d.e.f.g.h'], 'webhook.a.a.b.c.d.e.f'],
  ['a', ['x'.repeat(200)], `webhook.a.${'x'.repeat(63)}`],
])('names what %s calls %j', (name, event, type) => expect(eventTypeOf(name, event)).toBe(type));

it('always makes a type of an event', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/);
  const event = fc.array(
    fc.option(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string()), { nil: undefined }),
  );
  fc.assert(
    fc.property(name, event, (given, parts) => EVENT_TYPE.test(eventTypeOf(given, parts))),
    { numRuns: 2000 },
  );
});
