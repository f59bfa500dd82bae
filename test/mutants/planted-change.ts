/** A change of one file that makes our code wrong on purpose, as data. */
export interface PlantedChange {
  /** What the changed code does, in words. */
  readonly name: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** The text with the change in it. Throws where the place of the change is not exactly one. */
export function withChange(text: string, { name, file, find, replace }: PlantedChange): string {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`“${name}”: ${file} holds ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}
