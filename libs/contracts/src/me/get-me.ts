import { Me } from '../agent/agent';
import { defineAction } from '../define-action';

/** No params. */
export class GetMeRequest {}

/** The calling agent: identity, skills, limits and what is left of them. */
export const getMe = defineAction({
  name: 'me.get',
  capability: null,
  effect: 'read',
  http: { method: 'GET', path: '/v1/me', success: 200 },
  request: GetMeRequest,
  reply: Me,
  summary: 'The calling agent: identity, skills, limits and what is left of them.',
  example: {},
});
