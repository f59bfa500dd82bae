/** Lines of an access log as members named by the variables of its format, as nginx writes them. */
import type { Fields } from './fields.ts';

/** Null for a line of another format. */
export type LogLineParser = (text: string) => Fields | null;

const variable = /\$(?:\{(\w+)\}|(\w+))/;

/**
 * A parser for the text of nginx's `log_format`. A value ends where the text that follows its variable is found first:
 * nginx escapes quotes in values, so that is the end which it wrote.
 */
export function createLogLineParser(format: string): LogLineParser {
  // The text in front of the first variable, then names and the text behind each: two groups of one name.
  const parts = format.split(variable);
  const variables: { readonly name: string; readonly behind: string }[] = [];
  for (let at = 1; at < parts.length; at += 3) {
    variables.push({ name: parts[at] ?? parts[at + 1] ?? '', behind: parts[at + 2] ?? '' });
  }
  return (text) => parseLine(parts[0] ?? '', variables, text.replace(/\r$/, ''));
}

// Same type: the line starts with what is in front, which a mapping gives.
function parseLine(
  front: string,
  variables: readonly { readonly name: string; readonly behind: string }[],
  text: string,
): Fields | null {
  if (!text.startsWith(front)) return null;
  let at = front.length;
  const fields: Record<string, string | null> = {};
  for (const [index, { name, behind }] of variables.entries()) {
    const isLast = index === variables.length - 1;
    const end = isLast ? text.length - behind.length : behind === '' ? -1 : text.indexOf(behind, at);
    if (end < at || !text.startsWith(behind, end)) return null;
    const value = text.slice(at, end);
    // What nginx writes where there is no value.
    fields[name] = value === '-' ? null : value;
    at = end + behind.length;
  }
  return fields;
}
