export { ExpressionError, ExpressionErrors, type ExpressionProblem } from './errors';
export {
  compileEventFilter,
  EVENT_VARIABLES,
  eventFilterProblem,
  eventFilterTemplate,
  type EventFilter,
} from './event-filter';
export { compileTemplate, evaluateCondition, type Template } from './template';
