export { EgressClient, type EgressRequest, type EgressResponse } from './egress-client';
export { retryAfterMsOf } from './retry-after';
