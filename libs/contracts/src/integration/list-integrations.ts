import { Integration } from './integration';
import { PageRequest } from '../page';
import { defineAction } from '../define-action';

export class ListIntegrationsRequest extends PageRequest {}

/** The integrations that the agent may see. */
export const listIntegrations = defineAction({
  name: 'integration.list',
  capability: 'integration_read',
  effect: 'read',
  http: { method: 'GET', path: '/v1/integrations', success: 200 },
  request: ListIntegrationsRequest,
  reply: Integration,
  list: true,
  summary: 'The integrations that the agent may see.',
  example: { limit: 20 },
});
