export {
  API,
  resolve,
  type ActionDescription,
  type ApiDescription,
  type JsonSchema,
  type ProblemDescription,
  type StreamDescription,
} from './api';
