import type { PlantedChange } from './planted-change.ts';

/** What a mutant breaks: an invariant of the specification, or a rule that has no number there. */
type Rule =
  | `U${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13}`
  | 'identity'
  | 'limits'
  | 'routing'
  | 'receipts'
  | 'sealed properties'
  | 'tokens'
  | 'group commit'
  | 'importer keys';

/** A test by its file and the start of its title, or a part of the title that no other test of the file has. */
interface NamedTest {
  readonly file: string;
  readonly title: string;
}

/** A change that breaks a rule, and the test that must notice it. */
export interface Mutant extends PlantedChange {
  readonly rule: Rule;
  readonly test: NamedTest;
}

/** Whether the test runs on real servers, which takes longer to start. */
export function needsServers({ test }: Mutant): boolean {
  return !/^test\/(?:unit|property)\//.test(test.file);
}
