/** How the rows of a text are written, by its first line; whatever the file's name says. */

export const fileForms = ['jsonl', 'json', 'csv', 'tsv', 'lines'] as const;
export type FileForm = (typeof fileForms)[number];

/** `delimiter` is between the values of a table. */
export interface DetectedForm {
  readonly form: FileForm;
  readonly delimiter: string;
}

/** A row of a pretty-printed document goes on behind such an end; one of JSON Lines is complete. */
const openEnd = /[[{,:]$/;
const delimiters = ['\t', ',', ';'] as const;

/** `logLines`: whether the mapping reads lines of a log. What is not recognised is read as JSON Lines. */
export function detectForm(start: Buffer, logLines: boolean): DetectedForm {
  const text = start.toString('latin1').replace('\u00ef\u00bb\u00bf', '').trimStart();
  const [firstLine = ''] = text.split('\n', 1);
  const line = firstLine.trimEnd();
  if (line.startsWith('[')) return { form: 'json', delimiter: '' };
  if (line.startsWith('{')) return { form: openEnd.test(line) ? 'json' : 'jsonl', delimiter: '' };
  if (logLines) return { form: 'lines', delimiter: '' };
  const delimiter = delimiters.find((character) => line.includes(character));
  if (delimiter === undefined) return { form: 'jsonl', delimiter: '' };
  return { form: delimiter === '\t' ? 'tsv' : 'csv', delimiter };
}

/** The form that the user names. */
export function namedForm(form: FileForm, start: Buffer): DetectedForm {
  if (form !== 'csv') return { form, delimiter: form === 'tsv' ? '\t' : '' };
  const [line = ''] = start.toString('latin1').split('\n', 1);
  return { form, delimiter: !line.includes(',') && line.includes(';') ? ';' : ',' };
}

const names: Readonly<Record<FileForm, string>> = {
  jsonl: 'JSON Lines',
  json: 'JSON',
  csv: 'CSV',
  tsv: 'TSV',
  lines: 'a log',
};

export function formName({ form, delimiter }: DetectedForm): string {
  return delimiter === ';' ? 'CSV with semicolons' : names[form];
}

/** What a place in a file of this form is called. */
export function placeName({ form }: DetectedForm): 'line' | 'row' {
  return form === 'json' ? 'row' : 'line';
}
