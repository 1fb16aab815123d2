export { ExpressionError, ExpressionErrors, type ExpressionProblem } from './errors';
export { compileTemplate, evaluateCondition, type Template } from './template';
