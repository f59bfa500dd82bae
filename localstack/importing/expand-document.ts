/** The rows of a document that holds lists of them: pages of buckets of results, exports of OpenTelemetry. */
import { expandOtlp } from './expand-otlp.ts';
import { type Fields, isFields } from './fields.ts';
import type { ExpandedRow } from './row-reading.ts';

/** The names of the lists from the outside inwards, or a format with rules of its own. */
export type RowsRule = 'otlp' | readonly string[];

export function expandDocument(document: Fields, rule: RowsRule): Generator<ExpandedRow, void> {
  return rule === 'otlp' ? expandOtlp(document) : expandLists(document, null, rule);
}

/**
 * Each element of the innermost lists, with the members of what it is in; of one name the innermost counts. What is
 * beside the outermost list is of the answer and not of a row: with another page size it would be another. A document
 * that is only a part, such as one bucket or one result, is read as that part.
 */
function* expandLists(
  value: unknown,
  outer: Fields | null,
  names: readonly string[],
): Generator<ExpandedRow, void> {
  if (!isFields(value)) {
    const message = 'an element of a list must be a JSON object';
    yield { kind: 'problem', code: 'wrong_type', message, raw: value };
    return;
  }
  const [name, ...inner] = names;
  if (name === undefined) {
    yield { kind: 'fields', fields: { ...outer, ...value }, rejected: null };
    return;
  }
  if (!Object.hasOwn(value, name)) {
    yield* expandLists(value, outer ?? {}, inner);
    return;
  }
  const { [name]: list, ...members } = value;
  const around = outer === null ? {} : { ...outer, ...members };
  const elements: readonly unknown[] = Array.isArray(list) ? list : [list];
  for (const element of elements) yield* expandLists(element, around, inner);
}
