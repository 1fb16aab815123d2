export { EgressClient, type EgressResponse } from './egress-client';
