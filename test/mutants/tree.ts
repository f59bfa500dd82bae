/** Copies of the repository in which files are changed, so that the clone itself never is. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type PlantedChange, withChange } from './planted-change.ts';

const repository = join(import.meta.dirname, '..', '..');

/** What git answers about the clone. */
export function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: repository, encoding: 'utf8' }).trim();
}

/** A copy of the clone's files as they are now; packages are those of the clone. */
export class Tree {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    for (const file of git('ls-files', '--cached', '--others', '--exclude-standard').split('\n')) {
      const source = join(repository, file);
      if (!existsSync(source)) continue;
      mkdirSync(dirname(join(path, file)), { recursive: true });
      cpSync(source, join(path, file));
    }
    symlinkSync(join(repository, 'node_modules'), join(path, 'node_modules'));
  }

  /** Runs `work` while the change is in the copy. */
  async with<T>(change: PlantedChange, work: () => Promise<T>): Promise<T> {
    const original = this.read(change.file);
    this.write(change.file, withChange(original, change));
    try {
      return await work();
    } finally {
      this.write(change.file, original);
    }
  }

  /** The text of a file of the copy. */
  read(file: string): string {
    return readFileSync(join(this.path, file), 'utf8');
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.path, file), text);
  }
}
