/** A row of a file before anything is made of it. */
import type { Fields } from './fields.ts';

/** Why a row, or one event of it, is not sent. */
export interface Problem {
  readonly code: string;
  readonly message: string;
}

/** A row with its members. */
export interface RowFields {
  readonly kind: 'fields';
  /** From 1: the line, or the row of a document that has no lines. */
  readonly line: number;
  /** In a file of rejected rows: what the file of the earlier import was read as. */
  readonly readAs?: string | undefined;
  readonly fields: Fields;
  /** What an earlier import said of it, where the file is one of rejected rows. */
  readonly rejected: RejectedEvent | null;
}

/** A row that cannot be read; `raw` is what was there, as far as text can show it. */
interface RowProblem extends Problem {
  readonly kind: 'problem';
  readonly line: number;
  /** As above. */
  readonly readAs?: string | undefined;
  readonly raw: unknown;
}

export type RowReading = RowFields | RowProblem;

/** A row of a document, which says by itself where it is. */
export type ExpandedRow = Omit<RowFields, 'line'> | Omit<RowProblem, 'line'>;

/** What was rejected of a row, and the key that was made for it. */
export interface RejectedEvent {
  /** Which of the mapping's events, from 0; null: the whole row. */
  readonly event: number | null;
  readonly key: string | null;
}

const latin1 = 'one in Latin-1 (Windows-1252) is converted by iconv -f WINDOWS-1252 -t UTF-8';
export const notUtf8: Problem = { code: 'invalid_utf8', message: `the file must be UTF-8; ${latin1}` };
