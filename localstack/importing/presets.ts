/** The mappings that come with the program, one file each. */
import { expandDocument } from './expand-document.ts';
import { type Mapping, mappingShape } from './mapping.ts';
import anthropic from './presets/anthropic.json' with { type: 'json' };
import cloudevents from './presets/cloudevents.json' with { type: 'json' };
import cur2 from './presets/cur2.json' with { type: 'json' };
import focus from './presets/focus.json' with { type: 'json' };
import lago from './presets/lago.json' with { type: 'json' };
import litellm from './presets/litellm.json' with { type: 'json' };
import nginx from './presets/nginx.json' with { type: 'json' };
import openai from './presets/openai.json' with { type: 'json' };
import otlp from './presets/otlp.json' with { type: 'json' };
import stripe from './presets/stripe.json' with { type: 'json' };
import type { RowFields, RowReading } from './row-reading.ts';

const files = { litellm, openai, anthropic, focus, cur2, stripe, otlp, nginx, cloudevents, lago } as const;

export type PresetName = keyof typeof files;

// The names are the members of the list above.
export const presetNames = Object.keys(files) as PresetName[];

export function presetOf(name: PresetName): Mapping {
  return mappingShape.parse(files[name]);
}

/** One line for each preset: what it reads. */
const columnOfNames = 12;
export const presetLines = presetNames.map((name) => `  ${name.padEnd(columnOfNames)} ${files[name].about}`);

/** The preset by whose columns the first row of a file is known; none where the row is an event as the API takes it. */
export function presetOfRow(
  first: RowReading | null,
): { readonly name: string; readonly rules: Mapping } | undefined {
  const before = presetNames.find((name) => name === first?.readAs);
  if (before !== undefined) return { name: before, rules: presetOf(before) };
  if (first?.kind !== 'fields') return undefined;
  for (const name of presetNames) {
    const rules = presetOf(name);
    const columns = columnsOf(first, rules);
    if (rules.known_by?.every((column) => columns.has(column)) === true) {
      return { name, rules };
    }
  }
  return undefined;
}

/** Those of the row itself and, where it is a document of rows, of the first one in it. */
function columnsOf({ fields, rejected }: RowFields, { rows }: Mapping): ReadonlySet<string> {
  const own = Object.keys(fields);
  if (rows === undefined || rejected !== null) return new Set(own);
  const inner = expandDocument(fields, rows).next().value;
  return new Set([...own, ...(inner?.kind === 'fields' ? Object.keys(inner.fields) : [])]);
}
