/**
 * The one rule for names of organizations and metrics: characters that every text, key and URL keeps as they are.
 * `.` and `..` are no names: as a part of a URL they are resolved before the request is sent, also when escaped.
 */
import { nameCharsMax } from '../limits.ts';

export const namePattern = new RegExp(`^(?!\\.\\.?$)[A-Za-z0-9._:@-]{1,${nameCharsMax}}$`);

/** The rule as the rest of a sentence that starts with the name's field. */
export const nameRule = `must be 1 to ${nameCharsMax} characters out of A-Z a-z 0-9 . _ : @ -, and not . or ..`;
