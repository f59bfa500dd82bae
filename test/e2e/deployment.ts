/** A copy of what is deployed, so that a test may change its code, and the CDK's command line in it. */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { say } from '../../localstack/screen.ts';
import { runCommand } from '../../localstack/servers/command.ts';
import { repositoryDir } from '../../localstack/settings.ts';
import { replaceEach } from '../harness/servers/program.ts';
import type { Emulator } from './emulator.ts';

const sources = ['infra', 'functions', 'shared', 'migrations', 'cdk.json', 'package.json', 'tsconfig.json'];
const cdkProgram = join(repositoryDir, 'node_modules', 'aws-cdk', 'bin', 'cdk');

export class Deployment {
  readonly folder: string;
  readonly #emulator: Emulator;

  constructor(folder: string, emulator: Emulator) {
    this.folder = folder;
    this.#emulator = emulator;
    for (const source of sources)
      cpSync(join(repositoryDir, source), join(folder, source), { recursive: true });
    symlinkSync(join(repositoryDir, 'node_modules'), join(folder, 'node_modules'));
  }

  get template(): string {
    return join(this.folder, 'cdk.out', 'Odometer-local-App.template.json');
  }

  /** Runs `cdk` on the local stage; a failure is thrown with what it printed. */
  async cdk(...args: readonly string[]): Promise<string> {
    say(`cdk ${args.join(' ')}`);
    const always = ['--context', 'stage=local', '--no-notices', '--ci'];
    const outcome = await runCommand(process.execPath, [cdkProgram, ...args, ...always], {
      cwd: this.folder,
      env: this.#emulator.environment,
    });
    if (!outcome.ok) throw new Error(`cdk ${args.join(' ')}\n${outcome.output}\n${this.#emulator.output()}`);
    return outcome.output;
  }

  /** Changes one line of the copy's code. */
  change(file: string, from: string, to: string): void {
    const path = join(this.folder, file);
    writeFileSync(path, replaceEach(readFileSync(path, 'utf8'), { [from]: to }));
  }
}
