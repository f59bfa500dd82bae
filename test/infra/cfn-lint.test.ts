/** cfn-lint over every template of every profile, all in one run: some ten seconds, and as many for pip, once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { capacities } from '../../infra/config/capacity.ts';
import { local } from '../../infra/config/local.ts';
import { production } from '../../infra/config/production.ts';
import { staging } from '../../infra/config/staging.ts';
import { say } from '../../localstack/screen.ts';
import { runCommand } from '../../localstack/servers/command.ts';
import { venvPython } from '../../localstack/servers/venv.ts';
import { twinSettings } from '../../localstack/settings.ts';
import { synthesize } from './synthesize.ts';

const profiles = {
  '1.2M': production,
  '5M': { ...production, capacity: capacities['5M'] },
  '10M': { ...production, capacity: capacities['10M'] },
  staging,
  local,
};

/** Rules that are wrong for us, each with why. */
const ignored = {
  W3005:
    'CDK writes a dependency on a function’s role beside the reference; twice the same order harms nothing.',
  W3010: 'Zones are named, so that synthesis asks nobody and a broker keeps its zone.',
};

const broken = 'broken.json';
const unknownProperty = { Type: 'AWS::S3::Bucket', Properties: { BucketNme: 'probe' } };

let folder: string;
/** `RULE at FILE: TEXT`, warnings among them. */
let findings: readonly string[];
let written: readonly string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'odometer-cfn-lint-'));
  const write = (file: string, template: unknown): string => {
    writeFileSync(join(folder, file), JSON.stringify(template, null, 1));
    return file;
  };
  written = Object.entries(profiles).flatMap(([name, stage]) =>
    [...synthesize(stage).templates].map(([stack, template]) =>
      write(`${name}-${stack}.json`, template.toJSON()),
    ),
  );
  write(broken, { Resources: { Probe: unknownProperty } });
  findings = await lint([...written, broken]);
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function lint(files: readonly string[]): Promise<readonly string[]> {
  const { cacheDir } = twinSettings();
  const packages = ['cfn-lint==1.58.0'];
  const python = await venvPython({ name: 'cfn-lint-1.58.0', packages, cacheDir, log: say });
  const run = ['-c', 'from cfnlint.runner import main; main()'];
  const options = ['--regions', production.region, '--format', 'parseable'];
  const ignore = ['--ignore-checks', ...Object.keys(ignored)];
  const { output } = await runCommand(python, [...run, ...options, ...ignore, '--', ...files], {
    cwd: folder,
  });
  return output.split('\n').flatMap((line) => {
    const [, file, rule, text] = /^(.+?)(?::\d+){4}:(\w+):(.*)$/.exec(line) ?? [];
    return file === undefined ? [] : [`${rule} at ${file}: ${text}`];
  });
}

it('cfn-lint finds nothing in any stack of any profile', () => {
  expect(written).toHaveLength(23);
  expect(findings.filter((finding) => !finding.includes(broken))).toEqual([]);
});

it('cfn-lint does look: a property that does not exist is found in the same run', () => {
  expect(findings.join('\n')).toContain(`E3002 at ${broken}`);
});
