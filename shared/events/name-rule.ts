/**
 * The one rule for names: characters that every text, key and log keeps as they are. An organization is a part of a
 * URL, so it has no slash. A metric may be the name of a model (`openai/gpt-4o`), or of a series with its labels.
 * `.` and `..` are no names: as a part of a URL they are resolved before the request is sent, also when escaped.
 */
import { nameCharsMax } from '../limits.ts';

function patternOf(characters: string): RegExp {
  return new RegExp(`^(?!\\.\\.?$)[${characters}]{1,${nameCharsMax}}$`);
}

/** A metric's name, and so a name of either kind. */
export const namePattern = patternOf('A-Za-z0-9._:@+/~=-');
export const organizationPattern = patternOf('A-Za-z0-9._:@+-');

function ruleOf(characters: string): string {
  return `must be 1 to ${nameCharsMax} characters out of A-Z a-z 0-9 ${characters}, and not . or ..`;
}

/** The rules as the rest of a sentence that starts with the name's field. */
export const organizationRule = ruleOf('. _ : @ + -');
export const metricRule = ruleOf('. _ : @ + / ~ = -');
