export { describeProblem, ExpressionError, type ExpressionProblem } from './errors';
export { compileTemplate, type Scope, type Template } from './template';
