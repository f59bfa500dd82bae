/** Finds values of type `any` that nobody wrote: what JSON.parse, Array.isArray and library types let in. */
import ts from 'typescript-api';
import { walk } from './compiler.ts';

/** How deep a type's arguments are looked into: `Map<string, any[]>` is 2. */
const depthMax = 3;
const collections = /^(?:Readonly)?(?:Array|Map|Set)$/;

/** Names that are declared as `any`, and expressions of type `any` that are used as if they were something. */
export function findAny(file: ts.SourceFile, checker: ts.TypeChecker): readonly ts.Node[] {
  const found: ts.Node[] = [];
  walk(file, (node) => {
    if (isDeclared(node) && holdsAny(checker.getTypeAtLocation(node.name), checker)) found.push(node.name);
    else if (answersAny(node, checker)) found.push(node);
    else if (ts.isExpression(node) && isAnyUsed(node, checker)) found.push(node);
  });
  return found;
}

type Declared = ts.VariableDeclaration | ts.BindingElement | ts.ParameterDeclaration | ts.PropertyDeclaration;

function isDeclared(node: ts.Node): node is Declared {
  return (
    ts.isVariableDeclaration(node) ||
    ts.isBindingElement(node) ||
    ts.isParameter(node) ||
    ts.isPropertyDeclaration(node)
  );
}

/** A function that is handed to somebody answers what that one asks for. */
function answersAny(node: ts.Node, checker: ts.TypeChecker): boolean {
  if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return false;
  if (ts.isExpression(node) && checker.getContextualType(node) !== undefined) return false;
  return holdsAny(checker.getSignatureFromDeclaration(node)?.getReturnType(), checker);
}

/** An expression of type `any` is fine as `unknown`, under a cast, and where a library asks for `any`. */
function isAnyUsed(node: ts.Expression, checker: ts.TypeChecker): boolean {
  if (!isAny(checker.getTypeAtLocation(node))) return false;
  const { parent } = node;
  // `import('x')` calls a keyword, and `with { type: 'json' }` are no values.
  if (node.kind === ts.SyntaxKind.ImportKeyword || ts.isImportAttribute(parent)) return false;
  if (ts.isPropertyAccessExpression(parent) || ts.isElementAccessExpression(parent))
    return parent.expression === node;
  if (ts.isCallExpression(parent) && parent.expression === node) return true;
  const wanted = checker.getContextualType(node);
  if (wanted === undefined) return false;
  return (wanted.flags & (ts.TypeFlags.Unknown | ts.TypeFlags.Any)) === 0 && !isCast(parent);
}

function isCast(node: ts.Node): boolean {
  return ts.isAsExpression(node) || ts.isSatisfiesExpression(node);
}

function isAny(type: ts.Type): boolean {
  return (type.flags & ts.TypeFlags.Any) !== 0;
}

/** Itself, or as the items of a collection; what a promise or a row holds shows where it is used. */
function holdsAny(type: ts.Type | undefined, checker: ts.TypeChecker, depth = 0): boolean {
  if (type === undefined || depth > depthMax) return false;
  if (isAny(type)) return true;
  if (type.isUnionOrIntersection()) return type.types.some((part) => holdsAny(part, checker, depth + 1));
  if (!isReference(type) || !collections.test(type.symbol?.name ?? '')) return false;
  return checker.getTypeArguments(type).some((part) => holdsAny(part, checker, depth + 1));
}

function isReference(type: ts.Type): type is ts.TypeReference {
  return (type.flags & ts.TypeFlags.Object) !== 0 && 'target' in type;
}
