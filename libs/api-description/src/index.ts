export {
  API,
  resolve,
  type ActionDescription,
  type ApiDescription,
  type JsonSchema,
  type ProblemDescription,
  type StreamDescription,
} from './api';
export { OPENAPI_PATH, openApiDocument } from './openapi/document';
export { paramsOf, type ParamDescription } from './params-of';
export { problemsOf } from './problems-of';
export { REFERENCE_PATH, referencePage } from './reference/page';
