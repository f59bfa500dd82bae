/**
 * Names of folders that some server could not be given. The servers run in their own folders and are given names
 * relative to them, so that few characters are left that none of them can take.
 */
import { UserError } from '../processes/user-error.ts';

/** Postgres keeps a path in 1024 bytes, of which the names below the folder take some. */
const pathBytesMax = 700;

interface Rule {
  readonly forbidden: RegExp;
  readonly because: string;
}

const control: Rule = {
  forbidden: /\p{Cc}/u,
  because: 'control characters in it would end lines of settings',
};
/** Node reads such a name with a replacement character, which is the name of another folder. */
const notUtf8: Rule = { forbidden: /\ufffd/, because: 'its name is not UTF-8' };
const colon: Rule = { forbidden: /:/, because: "Java's list of jars is separated by colons" };
const shell: Rule = {
  forbidden: /["$`\\]/,
  because: 'initdb puts it between quotes of a shell: " $ ` and \\ cannot be',
};

/** The folders of a twin. */
export interface Folders {
  readonly dataDir: string;
  readonly cacheDir: string;
  /** The programs of Postgres. */
  readonly programs: string;
}

/** Refuses folders that cannot be used, each by its setting; to be asked before anything is written. */
export function refuseFolders({ dataDir, cacheDir, programs }: Folders): void {
  const problems = [
    ...problemsOf('ODOMETER_DATA_DIR', dataDir, [control, notUtf8]),
    ...problemsOf('ODOMETER_CACHE_DIR', cacheDir, [control, notUtf8, colon]),
    ...problemsOf('The folder of this clone', programs, [control, notUtf8, shell]),
  ];
  if (problems.length > 0) throw new UserError(`${problems.join('; ')}.`);
}

/** `setting` is what the user would change, `path` what it is now. */
// Same type: a setting has a fixed name, and a path in its place would be seen in the first message.
function problemsOf(setting: string, path: string, rules: readonly Rule[]): readonly string[] {
  const broken = rules.filter(({ forbidden }) => forbidden.test(path)).map(({ because }) => because);
  if (Buffer.byteLength(path) > pathBytesMax) broken.push(`it has more than ${pathBytesMax} bytes`);
  return broken.map((because) => `${setting} cannot be ${JSON.stringify(path)}: ${because}`);
}
