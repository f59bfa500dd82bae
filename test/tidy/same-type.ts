/** Finds signatures in which two values can be swapped without the compiler noticing, and no reason beside them. */
import ts from 'typescript-api';
import { walk } from './compiler.ts';

/** `// Same type: the order of every call that names a range.`, before the function or inside its signature. */
const reason = /Same type: \S/;

const primitives = [
  [ts.TypeFlags.String, 'string'],
  [ts.TypeFlags.Number, 'number'],
  [ts.TypeFlags.Boolean, 'boolean'],
] as const;

export interface SameType {
  readonly node: ts.SignatureDeclaration;
  readonly name: string;
  /** The parameters of one type, such as `from, to: number`. */
  readonly parameters: string;
}

export function findSameType(file: ts.SourceFile, checker: ts.TypeChecker): readonly SameType[] {
  const found: SameType[] = [];
  walk(file, (node) => {
    if (!ts.isFunctionLike(node) || !decidesItsParameters(node, checker)) return;
    const groups = Map.groupBy(node.parameters, (parameter) => primitiveOf(parameter, checker));
    for (const [type, parameters] of groups) {
      if (type === undefined || parameters.length < 2 || reason.test(commentsOf(node))) continue;
      const names = parameters.map(({ name }) => name.getText()).join(', ');
      found.push({ node, name: nameOf(node), parameters: `${names}: ${type}` });
    }
  });
  return found;
}

/** A callback takes what its caller gives, and the method of a port what the port says. */
function decidesItsParameters(node: ts.SignatureDeclaration, checker: ts.TypeChecker): boolean {
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node))
    return node.parameters.every(({ type, initializer }) => type !== undefined || initializer !== undefined);
  if (!ts.isMethodDeclaration(node)) return true;
  if (ts.isObjectLiteralExpression(node.parent)) return checker.getContextualType(node.parent) === undefined;
  const implemented = (node.parent.heritageClauses ?? []).flatMap(({ types }) => [...types]);
  return !implemented.some((type) => checker.getTypeAtLocation(type).getProperty(node.name.getText()));
}

/** The bare primitive that a parameter takes, whether it must be given or not. */
function primitiveOf(parameter: ts.ParameterDeclaration, checker: ts.TypeChecker): string | undefined {
  const type = checker.getNonNullableType(checker.getTypeAtLocation(parameter));
  const isBoolean = (type.flags & ts.TypeFlags.Boolean) !== 0;
  return primitives.find(([flag]) => (isBoolean ? flag === ts.TypeFlags.Boolean : type.flags === flag))?.[1];
}

/** The text in front of a function and of its parameters, up to its body. */
function commentsOf(node: ts.SignatureDeclaration): string {
  const whole = ts.isVariableDeclaration(node.parent) ? node.parent.parent.parent : node;
  const body = 'body' in node ? node.body : undefined;
  return node.getSourceFile().text.slice(whole.getFullStart(), body?.getStart() ?? node.end);
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  const { parent } = node;
  return node.name?.getText() ?? (ts.isVariableDeclaration(parent) ? parent.name.getText() : '(unnamed)');
}
