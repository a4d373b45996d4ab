import { KvSteerError } from '../../errors.ts';
import { addVectors, projectOut, scaleVector, subtractVectors } from '../../vectors/algebra.ts';
import type { SteeringVector } from '../../vectors/vector.ts';
import { type Expression, errorAt } from './expression.ts';

type Value = number | SteeringVector;

/** The names of an expression, each once, in order. */
export function namesOf(expression: Expression): string[] {
  const found = new Set<string>();
  const visit = (node: Expression): void => {
    if (node.kind === 'name') found.add(node.name);
    else if (node.kind === 'negate') visit(node.of);
    else if (node.kind !== 'number') {
      visit(node.left);
      visit(node.right);
    }
  };
  visit(expression);
  return [...found];
}

/**
 * @param text the expression as written, for errors.
 * @param vectors by name.
 * @throws InvalidArgumentError with a caret where numbers and vectors do not go together, or the whole is a number; what
 * vector algebra throws.
 */
export function evaluateExpression(
  expression: Expression,
  text: string,
  vectors: ReadonlyMap<string, SteeringVector>,
): SteeringVector {
  const value = evaluate(expression, text, vectors);
  if (typeof value !== 'number') return value;
  throw errorAt(text, 0, `This comes to the number ${value}, not to a vector. Name at least one vector.`);
}

function evaluate(node: Expression, text: string, vectors: ReadonlyMap<string, SteeringVector>): Value {
  const refuse = (message: string): never => {
    throw errorAt(text, node.at, message);
  };
  switch (node.kind) {
    case 'number':
      return Number.isFinite(node.value) ? node.value : refuse('This number is too large.');
    case 'name':
      return vectors.get(node.name) ?? refuse(`There is no vector ${node.name}.`);
    case 'negate': {
      const of = evaluate(node.of, text, vectors);
      return typeof of === 'number' ? -of : scaleVector(of, -1);
    }
    default: {
      const left = evaluate(node.left, text, vectors);
      const right = evaluate(node.right, text, vectors);
      try {
        return operate(node.kind, left, right, refuse);
      } catch (error) {
        // Of numbers that leave the range, with the place; a mismatch of models names both itself.
        if (
          KvSteerError.isInstance(error) &&
          error.code === 'invalid-argument' &&
          !error.message.includes('^')
        ) {
          return refuse(error.message);
        }
        throw error;
      }
    }
  }
}

function operate(
  kind: '+' | '-' | '*' | '/' | 'projectout',
  left: Value,
  right: Value,
  refuse: (message: string) => never,
): Value {
  const [l, r] = [typeof left, typeof right];
  if (typeof left === 'number' && typeof right === 'number') {
    if (kind === 'projectout') return refuse('projectout takes two vectors.');
    if (kind === '/' && right === 0) return refuse('This divides by 0.');
    const result = { '+': left + right, '-': left - right, '*': left * right, '/': left / right }[kind];
    return Number.isFinite(result) ? result : refuse('This number is too large.');
  }
  switch (kind) {
    case '*':
      if (typeof left === 'number' && typeof right !== 'number') return scaleVector(right, left);
      if (typeof right === 'number' && typeof left !== 'number') return scaleVector(left, right);
      return refuse('Two vectors cannot be multiplied. Multiply a vector by a number.');
    case '/':
      if (typeof right !== 'number' || typeof left === 'number')
        return refuse('Nothing can be divided by a vector.');
      return right === 0 ? refuse('This divides by 0.') : scaleVector(left, 1 / right);
    default:
      if (typeof left === 'number' || typeof right === 'number') {
        return refuse(
          `${kind === 'projectout' ? 'projectout takes two vectors' : `${kind} needs two vectors`}; one side is a ${l === 'number' && r === 'number' ? 'number' : 'number, the other a vector'}.`,
        );
      }
      return { '+': addVectors, '-': subtractVectors, projectout: projectOut }[kind](left, right);
  }
}
